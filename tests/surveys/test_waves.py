"""The wave solver against the exact field of a source in a uniform medium, and what it refuses."""

import numpy as np
import pytest
from scipy.special import hankel2

from pinnsiren.errors import SolveError
from pinnsiren.surveys import WaveGrid

SQUARE = ((-1.0, 1.0), (-1.0, 1.0))
K, VARIANCE = 20.0, 1e-4


def exact(r: np.ndarray) -> np.ndarray:
    """u = e^{−k²σ/2} (1 + i) (i/4) H₀⁽²⁾(kr): the SIREN paper's Gaussian source, outside itself."""
    return np.exp(-(K**2) * VARIANCE / 2) * (1 + 1j) * 0.25j * hankel2(0, K * r)


def error(grid: WaveGrid, right: np.ndarray, place: np.ndarray) -> float:
    """Relative L2 in the physical square, away from the source."""
    u = grid.waves(K, np.ones(len(grid.nodes))).solve(right)
    r = np.linalg.norm(grid.nodes - place, axis=1)
    kept = (np.abs(grid.nodes).max(axis=1) <= 0.5) & (r > 0.15)
    return float(np.linalg.norm(u[kept] - exact(r[kept])) / np.linalg.norm(exact(r[kept])))


@pytest.mark.parametrize(("order", "cells"), [(2, (160, 226)), (4, (90, 127))])
def test_it_converges_at_its_order_to_the_papers_gaussian_source(order, cells) -> None:
    """The source is put on the nodes as it is; f stands on the right multiplied by e_x e_y, which is 1 where it lives."""
    place, errors = np.array([0.013, -0.021]), []
    for n in cells:
        grid = WaveGrid(SQUARE, (n, n), order=order)
        wide = max(VARIANCE, (1.2 * grid.spacing[0]) ** 2)  # a wider Gaussian, weakened as much more, on coarse grids
        r = np.linalg.norm(grid.nodes - place, axis=1)
        source = (1 + 1j) * np.exp(-(r**2) / (2 * wide)) / (2 * np.pi * wide) * np.exp(K**2 * (wide - VARIANCE) / 2)
        errors.append(error(grid, source, place))
    rate = np.log(errors[0] / errors[1]) / np.log(cells[1] / cells[0])
    assert rate == pytest.approx(order, abs=0.2)
    assert errors[1] < {2: 1e-2, 4: 4e-4}[order]


@pytest.mark.parametrize(("order", "bound"), [(2, 5e-2), (4, 1e-3), (6, 5e-5)])
def test_point_sources_between_nodes(order, bound) -> None:
    grid, place = WaveGrid(SQUARE, (100, 100), order=order), np.array([0.013, -0.0231])
    scale = (1 + 1j) * np.exp(-(K**2) * VARIANCE / 2)
    assert error(grid, scale * grid.sources(place[None])[:, 0], place) < bound


def test_source_and_receiver_can_change_places_in_any_medium() -> None:
    grid = WaveGrid(SQUARE, (60, 60))
    waves = grid.waves(K, 1 + 0.5 * np.sin(7 * grid.nodes[:, 0]) * np.cos(5 * grid.nodes[:, 1]))
    a, b = np.array([[0.31, -0.2]]), np.array([[-0.4, 0.33]])
    there = grid.interpolation(b) @ waves.solve(grid.sources(a))
    back = grid.interpolation(a) @ waves.solve(grid.sources(b))
    assert abs(there - back).max() < 1e-12 * abs(there).max()


def test_interpolation_is_exact_for_polynomials_of_degree_five() -> None:
    grid, points = WaveGrid(SQUARE, (20, 24)), np.random.default_rng(0).uniform(-0.9, 0.9, (30, 2))

    def f(p: np.ndarray) -> np.ndarray:
        return p[:, 0] ** 5 - 2 * p[:, 0] ** 2 * p[:, 1] ** 4 + p[:, 1]

    assert np.abs(grid.interpolation(points) @ f(grid.nodes) - f(points)).max() < 1e-12


def test_it_says_how_many_cells_a_frequency_needs() -> None:
    grid = WaveGrid(SQUARE, (60, 60))
    with pytest.raises(SolveError, match=r"has 3\.8 nodes .* take at least \(80, 80\) cells, or lower frequencies"):
        grid.waves(50.0, np.ones(len(grid.nodes)))
    with pytest.raises(SolveError, match="not positive and finite"):
        grid.waves(5.0, np.zeros(len(grid.nodes)))
    with pytest.raises(SolveError, match="order 3"):
        WaveGrid(SQUARE, (60, 60), order=3)
    with pytest.raises(SolveError, match="at least 16"):
        WaveGrid(SQUARE, (60, 8))
