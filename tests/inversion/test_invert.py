"""Inversions find a disc, by a grid and by a network; bad input is refused."""

import numpy as np
import pytest
import torch

from pinnsiren.errors import DomainError, SolveError
from pinnsiren.inversion import GridVelocity, Inversion, NetworkVelocity, Unknown, Variation, Velocity, invert
from pinnsiren.inversion.invert import _stage
from pinnsiren.inversion.misfit import Misfit
from pinnsiren.networks import Siren
from pinnsiren.surveys import Acquisition, Inclusion, recorded

SQUARE = ((-1.0, 1.0), (-1.0, 1.0))
MEDIUM = Inclusion("disc", 0.4, 1.4)
PLACES = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 61), np.linspace(-0.5, 0.5, 61)), axis=-1).reshape(-1, 2)


def around(count: int) -> list[tuple[float, float]]:
    angles = 2 * np.pi * np.arange(count) / count
    return [(0.45 * float(np.cos(a)), 0.45 * float(np.sin(a))) for a in angles]


def error(found: np.ndarray) -> float:
    return float(np.mean((found - MEDIUM.velocity(PLACES)) ** 2))


@pytest.mark.parametrize("carrier", ["grid", "network"])
def test_a_disc_is_found_to_the_noise(carrier) -> None:
    where = Acquisition(SQUARE, around(4), around(15), [5.0, 12.0])
    survey = recorded(MEDIUM, where, noise=0.02, seed=0, spacing=0.05)
    unknown = Unknown(where.grid(0.05), MEDIUM, ((-0.6, 0.6), (-0.6, 0.6)))
    network = Siren(2, 1, 14, 2, omega0=[6.0, 1.0], box=[[-0.6, 0.6]] * 2, seed=0, dtype=torch.float64)
    with torch.no_grad():
        network.output.weight.mul_(0.01)
    velocity: Velocity = GridVelocity(unknown) if carrier == "grid" else NetworkVelocity(unknown, network)
    seen: list[float] = []
    found = invert(survey, velocity, unknown, Inversion(steps=(8, 10)), lambda p, q: seen.append(p.misfit))
    assert found.misfit < 1.5
    assert seen[0] > 1.4 * found.misfit
    assert error(found.at(PLACES)) < 0.25 * error(np.ones(len(PLACES)))


def test_the_last_stage_is_sharpened_as_soon_as_it_fits() -> None:
    """Also where a step went from far above the noise to below it."""
    where = Acquisition(SQUARE, around(2), around(9), [5.0])
    survey = recorded(MEDIUM, where, noise=0.2, seed=0, spacing=0.08)
    unknown, how = Unknown(where.grid(0.08), MEDIUM, ((-0.6, 0.6), (-0.6, 0.6))), Inversion(steps=(1, 9))
    carrier = GridVelocity(unknown)
    stages = _stage(Misfit(survey, unknown.grid, 1), carrier, unknown, carrier.start(), how=how, slowest=1e3)
    seen = [(stage.fit, stage.now.variation) for stage in stages]
    fitting = [i for i, (fit, _) in enumerate(seen) if fit < 1.0]
    assert fitting
    assert seen[fitting[0]][1] == how.variation
    assert {variation for _, variation in seen[fitting[0] + 1:]} == {how.sharpened}


def test_bad_input() -> None:
    where = Acquisition(SQUARE, around(1), around(4), [40.0])
    survey = recorded(MEDIUM, where, noise=0.02, seed=0, spacing=0.03)
    unknown = Unknown(where.grid(0.05), MEDIUM, ((-0.6, 0.6), (-0.6, 0.6)))
    with pytest.raises(SolveError, match="take at least"):
        invert(survey, GridVelocity(unknown), unknown)
    with pytest.raises(DomainError, match="at least 4 along each axis"):
        Unknown(where.grid(0.05), MEDIUM, ((0.0, 0.1), (-0.6, 0.6)))
    with pytest.raises(SolveError, match="0 < power"):
        Variation(power=0.0)
    with pytest.raises(SolveError, match="one step or more"):
        Inversion(steps=(0, 3))
