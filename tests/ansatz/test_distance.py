"""Smooth functions that vanish on boundaries: zero there, of one sign inside, and of slope one where they are distances."""

import numpy as np
import pytest
import sympy

import pinnsiren as ps
from pinnsiren.ansatz import distance, vanishing
from pinnsiren.domains import Domain

x, y, z = ps.coordinates("x y z")
t = ps.time("t")
SQUARE, DISC = ps.Box({x: (-1, 1), y: (-1, 1)}), ps.Disc({x: 0.2, y: 0.1}, 0.4)
TRIANGLE = ps.Polygon((x, y), [(0, 0), (2, 0.5), (0.5, 1.5)])
ARROW = ps.Polygon((x, y), [(0, 0), (2, 0), (0.7, 0.7), (0, 2)], holes=[[(0.2, 0.2), (0.5, 0.2), (0.2, 0.5)]])
SIGNED = {
    "box": SQUARE, "interval": ps.Interval(x, 1, 3), "disc": DISC, "ball": ps.Ball({x: 0, y: 0, z: 1}, 2),
    "holed": SQUARE - DISC, "lens": DISC & ps.Disc({x: 0.5, y: 0}, 0.4), "union": DISC | ps.Box({x: (0, 1), y: (0, 0.3)}),
    "corner": SQUARE - ps.Box({x: (-1, 0), y: (-1, 0)}), "triangle": TRIANGLE,
    "ellipse": ps.Region(x**2 / 4 + y**2 <= 1, {x: (-2.5, 2.5), y: (-1.5, 1.5)}),
    "cut": ps.Region(x**2 + y**2 <= 1, {x: (0, 2), y: (-2, 2)}), "cylinder": DISC * ps.Interval(z, 0, 2),
}
ANY = {**SIGNED, "arrow": ARROW, "around an arrow": ps.Box({x: (-1, 3), y: (-1, 3)}) - ARROW,
       "lateral": (SQUARE - DISC) * ps.Interval(t, 0, 2)}


def values(expression: sympy.Expr, domain: Domain, points: np.ndarray) -> np.ndarray:
    return np.broadcast_to(sympy.lambdify(domain.coordinates, expression, "numpy")(*points.T), (len(points),))


def corners_left_out(domain: Domain, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Which boundary points have a flat or smooth neighbourhood of 0.02 of the domain's size."""
    around = points[:, None] + 0.02 * domain.size * np.random.default_rng(0).standard_normal((len(points), 24, points.shape[1]))
    depth = np.einsum("nkd,nd->nk", around - points[:, None], normals)
    sides = domain.sides(around.reshape(-1, points.shape[1]), 0.0).reshape(len(points), 24)
    clear = np.abs(depth) > 0.012 * domain.size  # curved boundaries
    return (~clear | (sides == np.sign(depth))).all(axis=1)


@pytest.mark.parametrize("name", SIGNED)
def test_a_distance_has_the_right_sign_and_slope(name: str) -> None:
    domain = SIGNED[name]
    phi = distance(domain)
    inside = values(phi, domain, domain.interior.sample(500, seed=1).values)
    assert inside.min() > 0
    lower, upper = domain.bounds[:, 0] - 0.3, domain.bounds[:, 1] + 0.3
    everywhere = lower + (upper - lower) * np.random.default_rng(2).random((800, len(lower)))
    sides = domain.sides(everywhere, 1e-9)
    np.testing.assert_array_equal(np.sign(values(phi, domain, everywhere))[sides != 0], -sides[sides != 0])
    rim = domain.boundary.sample(200, seed=3)
    assert np.abs(values(phi, domain, rim.values)).max() < 1e-8
    smooth = corners_left_out(domain, rim.values, rim.normals)
    assert smooth.sum() > 50 or len(domain.coordinates) == 1
    slopes = np.stack([values(sympy.diff(phi, c), domain, rim.values[smooth]) for c in domain.coordinates], axis=1)
    np.testing.assert_allclose(slopes, -rim.normals[smooth], atol=1e-7)


@pytest.mark.parametrize("name", ANY)
def test_what_vanishes_on_the_boundary_is_about_one_inside(name: str) -> None:
    domain = ANY[name]
    phi = vanishing(domain)
    inside = values(phi, domain, domain.interior.sample(2000, seed=4).values)
    assert inside.min() > 0
    assert inside.max() == pytest.approx(1, abs=0.1)
    assert np.abs(values(phi, domain, domain.boundary.sample(200, seed=5).values)).max() < 1e-7


def test_at_corners_products_stay_smooth() -> None:
    for domain in (SQUARE, SQUARE - DISC, TRIANGLE):
        second = sum(sympy.diff(vanishing(domain), c, 2) for c in (x, y))
        corner = domain.boundary.sample(4000, seed=1).values
        assert np.abs(values(second, domain, corner)).max() < 200
    sharp = sum(sympy.diff(distance(SQUARE), c, 2) for c in (x, y))
    assert np.abs(values(sharp, SQUARE, np.array([[1 - 1e-5, 1 - 2e-5]]))).max() > 1e3


def test_unknown_domains_are_refused() -> None:
    with pytest.raises(ps.DomainError, match="no smooth distance is known"):
        distance(ARROW)
    angles = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    star = ps.Polygon((x, y), [(r * np.cos(a), r * np.sin(a)) for a, r in zip(angles, [1, 0.6] * 15, strict=True)])
    with pytest.raises(ps.DomainError, match="with 30 edges"):
        vanishing(star)
    with pytest.raises(ps.DomainError, match="periodic in all coordinates"):
        distance(ps.Interval(x, 0, 1, periodic=True))
