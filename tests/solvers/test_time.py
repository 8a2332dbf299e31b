"""Solvers that know which coordinate is time: slabs that fit at their edges, curriculum, causal weights."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.model import Model
from pinnsiren.networks import Slabs
from pinnsiren.residual import Residual
from pinnsiren.solvers.causal import causal_factors
from pinnsiren.solvers.curriculum import Curriculum
from pinnsiren.solvers.evolution import Evolution, evolves
from pinnsiren.solvers.slabs import TimeSlabs

x, y = ps.coordinates("x y")
t = ps.time("t")
u = ps.Field("u", x, t)
strip = ps.Interval(x, 0, 1) * ps.Interval(t, 0, 1)


def wave():
    exact = sympy.sin(sympy.pi * x) * sympy.cos(sympy.pi * t) + sympy.sin(2 * sympy.pi * x) * sympy.sin(2 * sympy.pi * t)
    return ps.Problem(ps.Equation(u.diff(t, 2), u.diff(x, 2)).on(strip.interior), ps.Equation(u, 0).on(strip.boundary),
                      ps.Equation(u, exact.subs(t, 0), name="start").on(strip.initial),
                      ps.Equation(u.diff(t), exact.diff(t).subs(t, 0), name="speed").on(strip.initial), exact={u: exact})


def reaction():
    """u_t = 0.1 u_xx + f(u, x, t) with the solution e^{−t} cos πx."""
    exact = sympy.exp(-t) * sympy.cos(sympy.pi * x)
    source = (exact.diff(t) - exact.diff(x, 2) / 10 + exact**3)
    return ps.Problem(ps.Equation(u.diff(t) - u.diff(x, 2) / 10 + u**3, source).on(strip.interior),
                      ps.Equation(ps.normal_derivative(u), 0).on(strip.boundary),
                      ps.Equation(u, exact.subs(t, 0)).on(strip.initial), exact={u: exact})


def error(solution, problem):
    points = problem.constraints[0].region.sample(2000, seed=77).values
    exact = sympy.lambdify((x, t), problem.exact[u])(*points.T)
    return np.linalg.norm(solution(u, points) - exact) / np.linalg.norm(exact)


# Slabs --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("make", "orders"), [(wave, 2), (reaction, 1)])
def test_slabs_solve_evolutions_and_fit_at_their_edges(make, orders, tmp_path) -> None:
    problem = make()
    solution = ps.solve(problem, solver=TimeSlabs(3), ansatz=False, target=1e-7, progress=False)
    assert error(solution, problem) < 1e-6
    network = solution.model.carriers[0].network
    assert isinstance(network, Slabs)
    np.testing.assert_allclose(network.edges, [0, 1 / 3, 2 / 3, 1], atol=1e-12)
    edges = np.stack([np.tile(np.linspace(0, 1, 21), 2), np.repeat([1 / 3, 2 / 3], 21)], axis=1)
    for quantity in [u, u.diff(t)][:orders]:
        before, after = (solution.evaluate(quantity, edges + np.array([0, shift])) for shift in (-1e-9, 1e-9))
        np.testing.assert_allclose(before, after, atol=1e-5)
    assert solution.history.measure[-1] < 1e-6 and solution.status.ok
    solution.save(tmp_path / "slabs.h5")
    np.testing.assert_array_equal(ps.load(tmp_path / "slabs.h5")(u, edges), solution(u, edges))


def test_hard_initial_values_are_continued_too() -> None:
    solution = ps.solve(reaction(), solver=TimeSlabs(2), target=1e-7, progress=False)
    assert "initial" in solution.settings["ansatz"]
    assert error(solution, reaction()) < 1e-6


@pytest.mark.parametrize("target", [None, 1e-6])
def test_without_a_count_slabs_are_as_long_as_they_can_be(target) -> None:
    exact = sympy.sin(sympy.pi * x) * sympy.cos(60 * t)
    problem = ps.Problem(ps.Equation(u.diff(t), exact.diff(t)).on(strip.interior),
                         ps.Equation(u, exact.subs(t, 0)).on(strip.initial), exact={u: exact}, tolerance=1e-4)
    solution = ps.solve(problem, solver=TimeSlabs(), ansatz=False, memory_limit=6e7, target=target, progress=False)
    assert error(solution, problem) < (target or 1e-5)
    assert solution.status.ok


def test_what_is_not_yet_solved_counts_as_wrong() -> None:
    steps = ps.solve(wave(), solver=TimeSlabs(3), ansatz=False, target=1e-6, progress=False).history
    unfinished = np.array([" 1," not in p for p in steps.phases])
    assert (steps.measure[unfinished] > 1).all() and (steps.measure[~unfinished] < 1e-4).any()


def test_a_users_network_goes_from_slab_to_slab() -> None:
    network = ps.MLP(2, 1, 8, 2, box=strip.bounds.tolist(), dtype=torch.float64)
    solver = TimeSlabs(2, ps.GaussNewton(iterations=25, patience=25))
    solution = ps.solve(reaction(), network, solver, ansatz=False, progress=False)
    assert error(solution, reaction()) < 1e-2
    assert [type(n) for n in solution.model.carriers[0].network.pieces] == [ps.MLP, ps.MLP]


def test_a_slab_starts_from_values_and_derivatives_of_the_fields_before() -> None:
    network = ps.Siren(2, 1, 8, 2, dtype=torch.float64)
    problem = Evolution.of(wave()).between(0.25, 0.5, start=Model({(u,): network}))
    assert [c.name for c in problem.constraints] == ["interior", "boundary", "u at the start", "u_t at the start"]
    np.testing.assert_allclose(problem.constraints[0].region.bounds, [[0, 1], [0.25, 0.5]])
    for constraint, orders in zip(problem.constraints[2:], ((0, 0), (0, 1)), strict=True):
        points = constraint.region.sample(400)
        assert set(points.values[:, 1]) == {0.25}
        channels = ps.networks.Channels(2, (orders,))
        jet = network.jet(torch.tensor(points.values), channels)[channels.index(orders), :, 0]
        np.testing.assert_allclose(next(iter(points.data.values())), jet.detach())


def test_data_belong_to_the_slabs_of_their_times() -> None:
    d = ps.Data("d")
    times = np.array([0.0, 0.2, 0.5, 0.9])
    data = ps.PointSet((x, t), np.stack([times, times], axis=1), data={d: times})
    problem = ps.Problem(*reaction().constraints, ps.Equation(u, d, name="data").on(data))
    evolution = Evolution.of(problem)
    late = evolution.between(0.5, 1.0).constraints[-1]
    assert late.name == "data" and late.region.values[:, 1].tolist() == [0.5, 0.9]
    assert "data" not in [c.name for c in evolution.between(0.3, 0.4).constraints]


@pytest.mark.parametrize(("problem", "message"), [
    (ps.Problem(ps.Equation(u.diff(x, 2), t).on(strip.interior), ps.Equation(u, x).on(strip.initial)), "no equation inside"),
    (ps.Problem(ps.Equation(u.diff(t), 0).on(strip.interior), ps.Equation(u, x).on(strip.initial),
                ps.Equation(u, 0).on(strip.final)), "final time"),
    (ps.Problem(ps.Equation(ps.laplacian(ps.Field("v", x, y)), 1).on(ps.Box({x: (0, 1), y: (0, 1)}).interior)), "no time"),
    (ps.Problem(ps.Equation(u.diff(t), ps.Field("a", x)).on(strip.interior), ps.Equation(u, x).on(strip.initial)),
     "does not depend on t"),
])
def test_what_cannot_be_marched_is_refused(problem, message) -> None:
    assert not evolves(problem)
    with pytest.raises(ps.SolveError, match=message):
        Evolution.of(problem)


def test_a_box_with_faces_across_time_does_not_evolve() -> None:
    box = ps.Box({x: (0, 1), t: (0, 1)})
    assert not evolves(ps.Problem(ps.Equation(u.diff(t), 0).on(box.interior), ps.Equation(u, x).on(box.face(t, 0))))
    assert evolves(wave())


@pytest.mark.parametrize("make", [lambda: TimeSlabs(0), lambda: TimeSlabs(2, "adam"), lambda: Curriculum("adam"),
                                  lambda: Curriculum(ps.GaussNewton(), 0), lambda: ps.Adam(causal=0.0)])
def test_options_that_make_no_sense_are_refused(make) -> None:
    with pytest.raises(ps.SolveError, match="give|expected"):
        make()


# Curriculum ---------------------------------------------------------------------------------------------------------

def test_a_curriculum_grows_in_time_and_ends_with_the_whole() -> None:
    network = ps.MLP(2, 1, 10, 2, box=strip.bounds.tolist(), dtype=torch.float64)
    solution = ps.solve(reaction(), network, Curriculum(ps.GaussNewton(iterations=15), 3), ansatz=False, progress=False)
    stages = [p.split(":")[0] for p in solution.history.phases]
    assert list(dict.fromkeys(stages)) == ["curriculum 1/3", "curriculum 2/3", "curriculum 3/3"]
    assert all(m > 1 for m, s in zip(solution.history.measure, stages, strict=True) if s != "curriculum 3/3")
    assert error(solution, reaction()) < 1e-2


# Causal weights -----------------------------------------------------------------------------------------------------

def test_causal_weights_are_those_of_the_formula() -> None:
    problem = reaction()
    network = ps.Siren(2, 1, 8, 2, omega0=2.0, dtype=torch.float64)
    residual = Residual.sampled(problem, Model({(u,): network}), {"interior": 500, "boundary": 20, "initial": 20})
    r = residual().detach()
    factors = causal_factors(residual, r, 1.0, slabs=5)
    sample = next(s for s in residual.samples if s.count == 500)
    times = sample.columns[t].numpy()
    squares = 500 * r[residual.blocks["interior"]].numpy() ** 2
    span = times.max() - times.min()
    slab = np.minimum(((times - times.min()) / span * 5).astype(int), 4)
    means = [squares[slab == k].mean() for k in range(5)]
    expected = np.exp(-np.array([sum(means[:k]) for k in slab]))
    np.testing.assert_allclose(factors[residual.blocks["interior"]] ** 2, expected, rtol=1e-10)
    assert expected.min() < 0.9 and len(set(expected)) == 5
    for name in ("boundary", "initial"):
        assert (factors[residual.blocks[name]] == 1).all()


@pytest.mark.parametrize("solver", [ps.GaussNewton(iterations=30, causal=5.0),
                                    ps.Adam(iterations=400, rate=5e-3, points=400, causal=5.0)])
def test_causal_weights_do_not_stop_a_solver(solver) -> None:
    network = ps.MLP(2, 1, 10, 2, box=strip.bounds.tolist())
    solution = ps.solve(reaction(), network, solver, ansatz=False, progress=False)
    assert error(solution, reaction()) < (1e-2 if isinstance(solver, ps.GaussNewton) else 0.3)
