"""Gauss–Newton: its factorisations agree, its steps are the damped ones, and it converges where least squares cannot start."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.model import Model
from pinnsiren.residual import Residual
from pinnsiren.solvers.adaptive import concentrated, retained
from pinnsiren.solvers.damping import damped_steps
from pinnsiren.solvers.gauss_newton import _Progress
from pinnsiren.solvers.linearised import Linearised


def system(rows, columns):
    rng = np.random.default_rng(1)
    return torch.tensor(rng.normal(size=(rows, columns))), torch.tensor(rng.normal(size=rows))


def whole(jacobian, r) -> Linearised:
    """r + J p with a matrix at hand, which needs no equations."""
    return Linearised(None, torch.zeros(jacobian.shape[1], dtype=r.dtype), r, torch.ones_like(r), jacobian, 0.0)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
@pytest.mark.parametrize("precise", [True, False])
@pytest.mark.parametrize("damping", [1e-3, 1.0, 100.0])
def test_steps_are_those_of_the_damped_normal_equations(shape, precise, damping) -> None:
    jacobian, r = system(*shape)
    expected = -torch.linalg.solve(jacobian.T @ jacobian + damping * torch.eye(shape[1]), jacobian.T @ r)
    found = damped_steps(whole(jacobian, r), r, precise=precise, memory_limit=1e9).step(damping)
    torch.testing.assert_close(found.step, expected, rtol=1e-8, atol=1e-10)
    gain = 0.5 * float(r @ r) - 0.5 * float((r + jacobian @ expected).square().sum())
    assert found.gain == pytest.approx(gain, rel=1e-8)
    other = torch.linspace(-1, 2, len(r), dtype=r.dtype)
    expected = -torch.linalg.solve(jacobian.T @ jacobian + damping * torch.eye(shape[1]), jacobian.T @ other)
    torch.testing.assert_close(found.correction(other), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("tall", [True, False])
def test_precise_steps_follow_small_singular_values(tall) -> None:
    rng = np.random.default_rng(2)
    q1, q2 = np.linalg.qr(rng.normal(size=(40, 10)))[0], np.linalg.qr(rng.normal(size=(10, 10)))[0]
    singular = np.logspace(0, -10, 10)
    matrix = q1 * singular @ q2.T
    wanted = q2 @ np.ones(10) if tall else q1 @ np.ones(10)  # as much along the smallest singular value as along the largest
    jacobian = torch.tensor(matrix if tall else matrix.T)
    r = -jacobian @ torch.tensor(wanted)
    right, wrong = (damped_steps(whole(jacobian, r), r, precise=p, memory_limit=1e9).step(1e-24) for p in (True, False))
    np.testing.assert_allclose(right.step, wanted, atol=1e-4)
    assert wrong is None or np.abs(wrong.step.numpy() - wanted).max() > 1e-2


def test_a_singular_system_has_no_step_and_says_so() -> None:
    system = whole(torch.zeros(6, 3, dtype=torch.float64), torch.ones(6, dtype=torch.float64))
    for precise in (True, False):
        assert damped_steps(system, system.r, precise=precise, memory_limit=1e9).step(0.0) is None


def test_it_solves_a_nonlinear_problem_with_a_small_siren() -> None:
    problem = poisson.poisson_cubic()
    network = ps.Siren(2, 1, 16, 2, omega0=[6.0, 1.0], seed=0)
    solution = ps.solve(problem, network, ps.GaussNewton(iterations=40), progress=False)
    report = ps.validate(solution, ps.Exact())
    assert report.errors[problem.fields[0]].relative_l2 < 1e-3
    assert solution.history.measure[-1] < 1e-3 * solution.history.measure[0]


def test_it_works_for_a_users_module() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1))
    solution = ps.solve(poisson.poisson_sine(), module, ps.GaussNewton(iterations=40), progress=False)
    assert solution.history.loss.min() < 0.1 * solution.history.loss[0]


def front():
    """A residual that lives within 1/20 of x = 0.3, for fields that are 0."""
    x = ps.coordinates("x")[0]
    u, line = ps.Field("u", x), ps.Interval(x, -1, 1)
    problem = ps.Problem(ps.Equation(u.diff(x, 2), sympy.exp(-400 * (x - sympy.Rational(3, 10))**2)).on(line.interior),
                         ps.Equation(u, 0).on(line.boundary))
    network = ps.Fourier(1, 1, 5, 3.0, dtype=torch.float64)
    return Residual.sampled(problem, Model({(u,): network}), {"interior": 2000, "boundary": 2})


def test_half_of_new_points_follow_the_residual() -> None:
    residual = front()
    found = concentrated(residual, seed=3)
    (places,) = (v for s in found.samples if s.count == 2000 for v in s.columns.values())
    near = ((places - 0.3).abs() < 0.1).double().mean()
    assert 0.05 + 0.45 < near < 0.05 + 0.55  # a twentieth of the half that is uniform, and the half that is not
    again = concentrated(found, seed=4)
    assert [s.count for s in again.samples] == [s.count for s in residual.samples]
    ends = next(s for s in again.samples if s.count == 2)
    assert sorted(next(iter(ends.columns.values())).tolist()) == [-1.0, 1.0]


def test_points_of_large_residual_stay_and_gather() -> None:
    def inside(residual):
        return next(next(iter(s.columns.values())) for s in residual.samples if s.count == 2000)

    residual = front()
    before = inside(residual)
    size = (residual()[residual.blocks["interior"]]).abs()
    found = retained(residual, seed=3)
    stayed = inside(found) == before
    assert torch.equal(stayed, size > size.mean())
    near = []
    for seed in range(4, 12):
        found = retained(found, seed)
        near.append(float(((inside(found) - 0.3).abs() < 0.1).double().mean()))
    assert near[0] < near[3] < near[-1]
    assert near[-1] > 0.4  # a twentieth of evenly spread points
    ends = next(s for s in found.samples if s.count == 2)
    assert sorted(next(iter(ends.columns.values())).tolist()) == [-1.0, 1.0]


def test_what_counts_as_progress() -> None:
    def stalls(estimates, reaches) -> int | None:
        progress = _Progress(patience=10)
        for i, (estimate, reach) in enumerate(zip(estimates, reaches, strict=True)):
            progress.take(estimate, reach)
            if progress.has_stalled:
                return i
        return None

    ones, falling = [1.0] * 40, [0.95**i for i in range(40)]
    assert stalls(falling, ones) is None
    assert stalls(ones, ones) == 10
    assert stalls(falling[:20] + [0.5] * 20, ones) == 22  # 0.95**19 is the lowest, and 0.95**12 less than half above
    growing = [0.0] + [0.02 * 1.02**i for i in range(39)]
    assert stalls(ones, growing) is None  # more times are felt, although the estimate for all times stays
    assert stalls(ones, growing[:20] + [growing[19]] * 20) == 25


def test_momentum_and_fixed_points_converge_too() -> None:
    problem = poisson.poisson_cubic()
    for options in ({"momentum": 0.5}, {"resample": False}, {"adaptive": None}, {"adaptive": "r3"}):
        network = ps.Siren(2, 1, 10, 2, omega0=[6.0, 1.0], seed=0)
        solution = ps.solve(problem, network, ps.GaussNewton(iterations=20, **options), progress=False)
        assert solution.history.measure.min() < 0.05 * solution.history.measure[0], options


@pytest.mark.parametrize("options", [{"ratio": 0.0}, {"iterations": 0}, {"momentum": 1.0}, {"causal": -1.0},
                                     {"rows_per_parameter": 0.0}, {"adaptive": "even"}])
def test_numbers_out_of_range_are_refused(options) -> None:
    with pytest.raises(ps.SolveError, match="GaussNewton"):
        ps.GaussNewton(**options)
