"""Gauss–Newton: its factorisations agree, its steps are the damped ones, and it converges where least squares cannot start."""

import numpy as np
import pytest
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.solvers.gauss_newton import Spectrum


def system(rows, columns):
    rng = np.random.default_rng(1)
    return torch.tensor(rng.normal(size=(rows, columns))), torch.tensor(rng.normal(size=rows))


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
@pytest.mark.parametrize("precise", [True, False])
@pytest.mark.parametrize("damping", [1e-3, 1.0, 100.0])
def test_steps_are_those_of_the_damped_normal_equations(shape, precise, damping) -> None:
    jacobian, r = system(*shape)
    spectrum = Spectrum.of(jacobian, r, precise=precise)
    expected = -torch.linalg.solve(jacobian.T @ jacobian + damping * torch.eye(shape[1]), jacobian.T @ r)
    torch.testing.assert_close(spectrum.step(damping), expected, rtol=1e-8, atol=1e-10)
    left = r + jacobian @ expected
    assert spectrum.predicted(damping) == pytest.approx(0.5 * float(r @ r - left @ left), rel=1e-9)


def test_precise_factorisation_keeps_small_singular_values() -> None:
    rng = np.random.default_rng(2)
    q1, q2 = np.linalg.qr(rng.normal(size=(40, 10)))[0], np.linalg.qr(rng.normal(size=(10, 10)))[0]
    exact = np.logspace(0, -12, 10)
    jacobian = torch.tensor(q1 * exact @ q2.T)
    spectrum = Spectrum.of(jacobian, torch.ones(40, dtype=torch.float64), precise=True)
    np.testing.assert_allclose(np.sort(spectrum.singular)[::-1], exact, rtol=1e-3)


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
