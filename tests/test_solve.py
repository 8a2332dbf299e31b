"""The training loop: what ends it, what it keeps, and what it refuses; the solution it gives back."""

import math
import signal

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.solvers.task import Step

x, y = ps.coordinates("x y")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})
PROBLEM = poisson.poisson_sine()


def small():
    return ps.Siren(2, 1, 8, 1, seed=0)


class Scripted(ps.Solver):
    """Yields given measures; raises what it is told to."""

    def __init__(self, *items):
        self.items = items

    def iterate(self, task):
        model = task.require_model("Scripted")
        for item in self.items:
            if isinstance(item, BaseException):
                raise item
            with torch.no_grad():
                model.carriers[0].network.output.bias.fill_(item)
            yield Step(model, item, item, {"interior": item, "boundary": item}, "scripted")


def bias(solution):
    return float(solution.model.carriers[0].network.output.bias.detach())


@pytest.mark.parametrize(("items", "code", "ok"), [
    ((3.0, 1e-4, 2.0), "finished", True),
    ((3.0, 1.0, 2.0), "stalled", False),
    ((3.0, 1e-12), "converged", True),
    ((3.0, 1e-4, KeyboardInterrupt()), "interrupted", True),
    ((3.0, 1e-4, math.nan), "diverged", False),
    ((3.0, 1e-4, torch.linalg.LinAlgError("singular")), "failed", False),
    ((3.0, 1e-4, MemoryError("no room")), "failed", False),
])
def test_whatever_ends_it_the_best_is_kept(items, code, ok) -> None:
    solution = ps.solve(PROBLEM, small(), Scripted(*items), progress=False)
    numbers = [i for i in items if isinstance(i, float) and math.isfinite(i)]
    assert solution.status.code == code
    assert solution.status.ok is ok
    assert solution.status.advice
    assert bias(solution) == pytest.approx(min(numbers), rel=1e-6)
    assert solution.history.loss.tolist() == numbers
    assert len(solution.history) == len(solution.history.seconds)


def test_nothing_finite_at_all_is_an_error() -> None:
    with pytest.raises(ps.SolveError, match="before it had any fields"):
        ps.solve(PROBLEM, small(), Scripted(math.nan), progress=False)


class Interrupted(ps.Solver):
    """Another solver, with the signal of Ctrl-C in the middle of an iteration."""

    def __init__(self, solver, after):
        self.solver, self.after = solver, after

    def iterate(self, task):
        for i, step in enumerate(self.solver.iterate(task)):
            yield step
            if i == self.after:
                signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_real_solve_returns_the_best_so_far() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test runner's workers may ignore it
    try:
        solver = Interrupted(ps.Adam(iterations=10**6, points=200), after=5)
        solution = ps.solve(PROBLEM, ps.Siren(2, 1, 32, 2), solver, max_time=60, progress=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert solution.status.code == "interrupted"
    assert len(solution.history) == 6
    assert np.isfinite(solution(PROBLEM.fields[0], [[0.1, 0.2]])).all()


def test_max_time_ends_a_solve() -> None:
    solution = ps.solve(PROBLEM, ps.Siren(2, 1, 32, 2), ps.Adam(iterations=10**6, points=200), max_time=1.0, progress=False)
    assert solution.status.code == "time"
    assert solution.history.seconds[-1] < 5


def test_the_same_seed_gives_the_same_result() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    values = [ps.solve(poisson.poisson_bump(), seed=s, target=1e-3, progress=False)(u, points) for s in (4, 4, 5)]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


def test_values_and_expressions_of_the_fields() -> None:
    solution = ps.solve(PROBLEM, progress=False)
    points = np.random.default_rng(1).uniform(-1, 1, (40, 2))
    px, py = points.T
    exact = np.sin(np.pi * px) * np.sin(np.pi * py)
    np.testing.assert_allclose(solution(u, points), exact, atol=1e-10)
    np.testing.assert_allclose(solution(u, {x: px, y: py}), exact, atol=1e-10)
    slope = np.pi * np.cos(np.pi * px) * np.sin(np.pi * py)
    np.testing.assert_allclose(solution.evaluate(u.diff(x) + y * u, points), slope + py * exact, atol=1e-9)
    np.testing.assert_allclose(solution.evaluate(ps.grad(u), points)[:, 0], slope, atol=1e-9)
    np.testing.assert_allclose(solution.evaluate(u.diff(x, 2, y, 2), points), np.pi**4 * exact, atol=1e-6)
    np.testing.assert_allclose(solution.evaluate(sympy.S(2), points), 2.0)
    assert solution(u, points).dtype == np.float64
    assert solution(u, np.empty((0, 2))).shape == (0,)


@pytest.mark.parametrize(("expression", "points", "message"), [
    (v, [[0, 0]], "no field of the problem"),
    (u + sympy.Symbol("q"), [[0, 0]], "no coordinate of the problem"),
    (u, [[0, 0, 0]], r"expected \(n, 2\)"),
    (u, [0, 0], r"expected \(n, 2\)"),
    (u, [[0, math.nan]], "not finite, first in row 0"),
    (u, {x: [0]}, "no column for y"),
])
def test_bad_evaluations(expression, points, message) -> None:
    solution = ps.solve(PROBLEM, small(), Scripted(1.0), progress=False)
    with pytest.raises(ps.PinnsirenError, match=message):
        solution.evaluate(expression, points)


def test_networks_can_be_given_by_field() -> None:
    problem = ps.Problem(ps.Equation(ps.laplacian(u), v).on(square.interior), ps.Equation(v, x).on(square.interior),
                         ps.Equation(u, x**3 / 6).on(square.boundary))
    networks = {u: ps.Fourier(2, 1, 150, 5.0), v: ps.Fourier(2, 1, 60, 3.0)}
    solution = ps.solve(problem, networks, ps.LeastSquares(), progress=False)
    points = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    np.testing.assert_allclose(solution(v, points), points[:, 0], atol=1e-6)
    np.testing.assert_allclose(solution(u, points), points[:, 0] ** 3 / 6, atol=1e-6)


@pytest.mark.parametrize(("options", "message"), [
    ({"device": "cuda:99"}, "is not there"),
    ({"device": "toaster"}, "is not there"),
    ({"max_time": 0}, "give seconds > 0"),
    ({"memory_limit": 0}, "give bytes > 0"),
    ({"network": {v: ps.Siren(2, 1, 4, 1)}}, "no field of the problem"),
    ({"network": "siren"}, "expected a Siren"),
    ({"network": ps.Siren(2, 2, 4, 1)}, "2 outputs"),
    ({"network": torch.nn.Linear(2, 3)}, r"maps .* expected"),
    ({"points": {"nowhere": 10}}, "names the constraints"),
])
def test_bad_arguments(options, message) -> None:
    with pytest.raises(ps.SolveError, match=message):
        ps.solve(PROBLEM, progress=False, **options)


def test_what_is_no_problem_is_refused() -> None:
    with pytest.raises(ps.ProblemError, match="expected a ps.Problem"):
        ps.solve(square)


def test_warnings_of_check_are_shown() -> None:
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 0).on(square.interior), ps.Equation(u, 0).on(square.face(x, -1)),
                         ps.Equation(u, 1).on(square.face(y, -1)),
                         ps.Equation(ps.normal_derivative(u), 0).on(square.boundary.where((x > -1) & (y > -1))))
    with pytest.warns(ps.ProblemWarning, match="x = -1, y = -1"):
        ps.solve(problem, small(), Scripted(1.0), progress=False)


def test_solutions_are_saved_and_loaded(tmp_path) -> None:
    network = ps.Siren(2, 1, 12, 2, learnable_omega0=True)
    solution = ps.solve(poisson.poisson_variable(), network, Scripted(1.0, 0.5), seed=3, progress=False)
    solution.save(tmp_path / "a.h5")
    again = ps.load(tmp_path / "a.h5")
    points = np.random.default_rng(0).uniform(-1, 1, (9, 2))
    np.testing.assert_array_equal(again(u, points), solution(u, points))
    assert again.problem == solution.problem
    assert again.problem.exact == solution.problem.exact
    assert (again.seed, again.status, dict(again.settings)) == (3, solution.status, dict(solution.settings))
    np.testing.assert_array_equal(again.history.loss, [1.0, 0.5])
    assert again.history.phases == solution.history.phases


def test_a_users_module_is_loaded_into_the_module_given(tmp_path) -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    solution = ps.solve(PROBLEM, module, ps.Adam(iterations=20, rate=1e-2, points=50), progress=False)
    solution.save(tmp_path / "a.h5")
    fresh = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
    np.testing.assert_array_equal(ps.load(tmp_path / "a.h5", fresh)(u, [[0.3, 0.4]]), solution(u, [[0.3, 0.4]]))
    with pytest.raises(ps.StorageError, match="a module of yours"):
        ps.load(tmp_path / "a.h5")
    with pytest.raises(ps.StorageError, match="no solution"):
        ps.load(tmp_path / "a.h5", torch.nn.Linear(2, 1))


def test_solutions_are_drawn(tmp_path) -> None:
    solution = ps.solve(PROBLEM, small(), Scripted(1.0, 0.5), progress=False)
    solution.plot().savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
