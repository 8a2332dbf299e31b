"""The adjoint-state gradient and the Jacobian's rows against differences, for both carriers of the velocity."""

import numpy as np
import pytest
import torch

from pinnsiren.inversion import GridVelocity, Misfit, NetworkVelocity, Unknown, Variation, Velocity
from pinnsiren.inversion.invert import Objective
from pinnsiren.networks import Siren
from pinnsiren.surveys import Acquisition, Inclusion, Survey, recorded

BOUNDS = ((-0.75, 0.75), (-0.75, 0.75))


def survey() -> Survey:
    where = Acquisition(((-1.0, 1.0), (-1.0, 1.0)), [(-0.2, -0.4), (0.2, -0.4)], [(x, 0.4) for x in np.linspace(-0.4, 0.4, 7)],
                        [4.0, 7.0], amplitude=1 + 1j)
    return recorded(Inclusion("disc", 0.4), where, noise=0.02, seed=1, spacing=0.08)


def objective(carrier: str, *, extended: bool = False) -> Objective:
    data = survey()
    grid = data.acquisition.grid(0.08)
    unknown = Unknown(grid, Inclusion("disc", 0.4), ((-0.5, 0.5), (-0.5, 0.5)) if extended else BOUNDS, extended)
    network = Siren(2, 1, 8, 2, omega0=[4.0, 1.0], box=[list(b) for b in BOUNDS], seed=2, dtype=torch.float64)
    with torch.no_grad():
        network.output.weight.mul_(0.1)
    velocity: Velocity = GridVelocity(unknown) if carrier == "grid" else NetworkVelocity(unknown, network)
    return Objective(Misfit(data, grid), velocity, unknown, Variation(0.7), 50.0)


def place(of: Objective) -> tuple[np.ndarray, np.ndarray]:
    """Parameters that are not the start, and a direction."""
    random, start = np.random.default_rng(5), of.velocity.start()
    return start + 0.05 * random.normal(size=len(start)), random.normal(size=len(start)) / len(start) ** 0.5


def test_waves_are_solved_once_for_a_medium_and_again_for_another() -> None:
    of = objective("grid")
    start = of.velocity.start()
    value = of.value(start)
    solved = of.misfit.solved(of.unknown.squared_slowness(start))
    of.quadratic(start)
    assert of.misfit.solved(of.unknown.squared_slowness(start)) is solved
    assert of.value(start + 0.05) != value
    assert of.value(start) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("carrier", ["grid", "network"])
@pytest.mark.parametrize("extended", [False, True])
def test_the_gradient_is_that_of_differences(carrier, extended) -> None:
    """By differences of fourth order, to 1e-6."""
    of = objective(carrier, extended=extended)
    theta, direction = place(of)
    slope = float(of.gradient(theta)[1] @ direction)
    h = 1e-3
    near, far = (of.value(theta + s * direction) - of.value(theta - s * direction) for s in (h, 2 * h))
    assert slope == pytest.approx((8 * near - far) / (12 * h), rel=1e-6)


@pytest.mark.parametrize("carrier", ["grid", "network"])
def test_what_taylors_first_terms_leave_is_of_second_order(carrier) -> None:
    of = objective(carrier)
    theta, direction = place(of)
    value, gradient = of.gradient(theta)
    left = [abs(of.value(theta + h * direction) - value - h * float(gradient @ direction)) for h in (4e-2, 2e-2, 1e-2)]
    assert np.log2(np.array(left[:-1]) / left[1:]) == pytest.approx(2.0, abs=0.15)
    plain = [abs(of.value(theta + h * direction) - value) for h in (2e-2, 1e-2)]  # without the gradient: first order
    assert np.log2(plain[0] / plain[1]) == pytest.approx(1.0, abs=0.3)


def test_rows_are_those_of_the_gradient_and_of_differences() -> None:
    of = objective("grid")
    q, direction = place(of)
    unknown = of.unknown
    residual, rows = of.misfit.jacobian(unknown.squared_slowness(q), unknown.slope(q))
    value, slope = of.misfit.gradient(unknown.squared_slowness(q))
    assert 0.5 * residual @ residual == pytest.approx(value, rel=1e-12)
    assert np.allclose(rows.T @ residual, unknown.slope(q).T @ slope, rtol=0, atol=1e-10 * np.abs(slope).max())
    h = 1e-4
    ahead, behind = (of.misfit.jacobian(unknown.squared_slowness(q + s * direction), unknown.slope(q))[0] for s in (h, -h))
    assert np.linalg.norm((ahead - behind) / (2 * h) - rows @ direction) < 1e-6 * np.linalg.norm(rows @ direction)


def test_the_variation_is_total_or_tikhonovs_by_its_power() -> None:
    unknown = objective("grid").unknown
    hx, hy = unknown.grid.spacing
    slope = 3.0 * unknown.nodes[:, 0]
    inside = (unknown.shape[0] - 1) * unknown.shape[1] * hx * hy  # the last difference along x is none
    assert Variation(2.0, 0.5).value(unknown, slope) == pytest.approx(4.5 * inside)
    assert Variation(1.0, 1e-9).value(unknown, slope) == pytest.approx(3.0 * inside)


@pytest.mark.parametrize("power", [2.0, 1.0, 0.4])
def test_its_matrix_gives_its_gradient(power) -> None:
    of = objective("grid")
    q, direction = place(of)
    v, h = Variation(power), 1e-5
    slope = (v.value(of.unknown, q + h * direction) - v.value(of.unknown, q - h * direction)) / (2 * h)
    assert direction @ (v.matrix(of.unknown, q) @ q) == pytest.approx(slope, rel=1e-6)
