"""The documented rule: which method a problem gets when nobody says."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import catalogue
from pinnsiren.model import Model
from pinnsiren.solvers.automatic import _is_dense
from pinnsiren.solvers.bands import Band
from pinnsiren.solvers.least_squares import SIZES, Trial, _may_be_brief
from pinnsiren.solvers.states import states_of
from pinnsiren.solvers.task import Task

x, y = ps.coordinates("x y")
u, d = ps.Field("u", x, y), ps.Data("d")
square = ps.Box({x: (-1, 1), y: (-1, 1)})


def helmholtz(k, source=1):
    return ps.Problem(ps.Equation(ps.laplacian(u) + k**2 * u, source).on(square.interior),
                      ps.Equation(u, 1).on(square.boundary))


def cloud(n, equation=u):
    points = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    return ps.Problem(ps.Equation(equation, d).on(ps.PointSet((x, y), points, data={d: points[:, 0]})))


@pytest.mark.parametrize(("problem", "dense"), [
    (helmholtz(10), True), (helmholtz(150), False), (helmholtz(150, 0), True), (cloud(2000), True), (cloud(100_000), False)])
def test_what_one_dense_network_can_follow(problem, dense) -> None:
    assert _is_dense(Task(problem)) is dense


@pytest.mark.parametrize("name", catalogue())
def test_only_signals_are_too_large_for_a_dense_network(name) -> None:
    problem = catalogue()[name]()
    dense = states_of(problem) is not None or _is_dense(Task(problem))
    assert dense is not name.startswith(("image", "blend", "fit", "sdf"))


@pytest.mark.parametrize(("noise", "windows"), [(0.02, False), (5.0, True)])
def test_windows_follow_on_a_small_grid_where_nothing_smooth_is_found(noise, windows) -> None:
    """20 × 20 samples of a wave 1 high, beside noise: a smooth field where it foretells values held out, else all of them."""
    places = np.stack([g.ravel() for g in np.meshgrid(*[np.linspace(-1, 1, 20)] * 2)], axis=1)
    values = np.sin(2 * places[:, 0] + places[:, 1]) + noise * np.random.default_rng(0).standard_normal(400)
    problem = ps.Problem(ps.Equation(u, d).on(ps.PointSet((x, y), places, {d: values})), tolerance=0.1)
    found = ps.solve(problem, progress=False)
    error = np.sqrt(np.mean((found(u, places) - values) ** 2))
    assert any("windows" in phase for phase in found.history.phases) is windows
    assert error < 1e-4 * noise if windows else 0.5 * noise < error < noise


def test_less_memory_makes_windows() -> None:
    assert not _is_dense(Task(cloud(2000), memory_limit=1e8))


@pytest.mark.parametrize(("problem", "solver"), [
    (cloud(100_000), ps.MatrixFree), (cloud(100_000, u**3), ps.Adam),
    (ps.Problem(ps.Equation(u, d).on(cloud(50_000).constraints[0].region, norm="l1")), ps.Adam)])
def test_who_takes_many_rows(problem, solver) -> None:
    assert isinstance(ps.Automatic()._for_many_rows(Task(problem)), solver)


@pytest.mark.parametrize(("network", "kind"), [
    (ps.Siren(2, 1, 32, 2), ps.Sequence), (ps.Siren(2, 1, 256, 4), ps.Adam),
    (ps.ModuleNetwork(torch.nn.Linear(2, 1), 2, 1), ps.GaussNewton),
    (ps.Windows(2, 1, (2, 2), 9, 6.0, box=[(-1, 1), (-1, 1)]), ps.MatrixFree)])
def test_who_takes_a_users_network(network, kind) -> None:
    assert isinstance(ps.Automatic()._for_network(Model({(u,): network})), kind)


def test_gauss_newton_follows_where_least_squares_is_not_good_enough() -> None:
    layer = sympy.tanh(40 * (x + y))
    problem = ps.Problem(ps.Equation(ps.laplacian(u), ps.laplacian(layer, (x, y))).on(square.interior),
                         ps.Equation(u, layer).on(square.boundary), exact={u: layer})
    solution = ps.solve(problem, max_time=8, memory_limit=1.5e8, progress=False)
    assert any("Gauss" in p for p in solution.history.phases)
    assert not solution.status.ok  # a layer of width 1/40 is beyond 300 features and seconds of Gauss–Newton: it says so
    assert ps.validate(solution).verdict == "rejected"


def test_nonlinear_evolutions_are_followed_with_causal_weights_first() -> None:
    t = ps.time("t")
    w, slab = ps.Field("w", x, t), ps.Interval(x, -1, 1) * ps.Interval(t, 0, 1)
    start, walls = ps.Equation(w, 1).on(slab.initial), ps.Equation(w, 0).on(slab.boundary)
    bent = ps.Problem(ps.Equation(w.diff(t), w.diff(x, 2) - w**2).on(slab.interior), start, walls, tolerance=1e-2)
    straight = ps.Problem(ps.Equation(w.diff(t), w.diff(x, 2)).on(slab.interior), start, walls)
    string = ps.Problem(ps.Equation(w.diff(t, 2), w.diff(x, 2)).on(slab.interior), start, walls)
    still = ps.Problem(ps.Equation(ps.laplacian(u), u**2).on(square.interior), ps.Equation(u, 1).on(square.boundary))

    def followers(problem) -> list[str]:
        return [repr(f.solver) for f in ps.Automatic()._followers(Task(problem))]

    slabs, rate = repr(ps.TimeSlabs()), ps.Parameter("rate", 50.0)
    steered = still.with_constraints([ps.Equation(ps.laplacian(u), rate * u**2).on(square.interior), *still.constraints[1:]])
    scaled = still.with_constraints([ps.Equation(ps.laplacian(u), rate).on(square.interior), *still.constraints[1:]])
    assert followers(bent) == ["Contest(tanh, causal)", "Contest(tanh, sines)", slabs]
    assert followers(straight) == [slabs]
    assert followers(string) == []
    assert followers(still) == ["Contest(tanh, sines)"]
    assert followers(steered) == [repr(ps.Continuation()), "Contest(tanh, sines)"]
    assert followers(scaled) == followers(still)
    asked = [(f.target, f.enough) for f in ps.Automatic()._followers(Task(bent, target=1e-5, asked=True))]
    assert asked == [(1e-5, 1e-5), (1e-5, 1e-2), (1e-5, 1e-2)]
    targets = [(f.target, f.enough) for f in ps.Automatic()._followers(Task(bent))]
    assert targets == [(pytest.approx(1e-3), pytest.approx(1e-3)), (pytest.approx(1e-3), 1e-2), (1e-11, 1e-2)]


def test_least_squares_is_brief_where_it_says_nothing() -> None:
    """Its features beyond 600 and 1200 by the estimate so far, for a tolerance of 1e-2."""
    task = Task(ps.Problem(ps.Equation(u, 1).on(square.interior), tolerance=1e-2))

    def goes_on(estimate: float) -> list[int]:
        trial = Trial(Model({}), Band(()), estimate, 0.0, {}, 0.0, {}, 0.0)
        return [size for size in SIZES if _may_be_brief(task, trial, size)]

    assert goes_on(0.5) == [300, 600]
    assert goes_on(0.1) == [300, 600, 1200]
    assert goes_on(5e-3) == [300, 600, 1200, 2400, 4000]
