"""Periodic coordinates: joined ends are inside, have no faces and no normals."""

import numpy as np
import pytest

from pinnsiren.domains import Box, Disc, Domain, Interval
from pinnsiren.equation import Equation
from pinnsiren.errors import DomainError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, laplacian, time

x, y, z = coordinates("x y z")
t = time("t")
CHANNEL = Box({x: (-1, 1), y: (0, 1)}, periodic=(x,))
TORUS = Box({x: (-1, 1), y: (0, 1)}, periodic=(y, x))
HOLE = Disc({x: 0, y: 0.5}, 0.25)


def test_joined_ends_are_inside() -> None:
    places = np.array([[-1, 0.5], [1, 0.5], [1, 1], [0, 0], [1.1, 0.5], [0, 1.1]])
    assert CHANNEL.sides(places, 1e-12).tolist() == [-1, -1, 0, 0, 1, 1]
    assert TORUS.sides(places, 1e-12).tolist() == [-1, -1, -1, -1, 1, 1]
    near = np.array([[1 + 1e-13, 0.5], [1 + 1e-13, 1], [1 + 1e-6, 1]])
    assert CHANNEL.sides(near, 1e-12).tolist() == [-1, 0, 1]


def test_only_walls_are_boundary() -> None:
    assert CHANNEL.periodic == (x,)
    assert TORUS.periodic == (x, y)
    assert CHANNEL.boundary.measure == 4
    sample = CHANNEL.boundary.sample(50)
    assert set(sample.values[:, 1]) == {0.0, 1.0}
    np.testing.assert_array_equal(CHANNEL.boundary.normals_at([[1, 1], [-1, 0], [0.99, 0.0]]), [[0, 1], [0, -1], [0, -1]])
    np.testing.assert_array_equal(CHANNEL.boundary.normals_at(sample.values), sample.normals)
    assert CHANNEL.interior.measure == 2
    assert CHANNEL.face(y, 0).measure == 2
    with pytest.raises(DomainError, match=r"periodic in x, so it has no face across it"):
        CHANNEL.face(x, 1)


def test_a_domain_without_boundary_says_so() -> None:
    assert TORUS.boundary.is_empty()
    with pytest.raises(DomainError, match="All its coordinates are periodic, so it has no boundary: put the equation on its"):
        TORUS.boundary.sample(5)
    u = Field("u", x, y)
    problem = Problem(Equation(laplacian(u) - u, 1).on(TORUS.interior), Equation(u, 0).on(TORUS.boundary))
    assert any("has no boundary" in f.message for f in problem.check() if f.severity == "error")
    circle = Interval(x, 0, 1, periodic=True)
    assert circle == Box({x: (0, 1)}, periodic=(x,))
    assert circle.boundary.is_empty()


def test_products_and_csg_keep_what_is_meaningful() -> None:
    assert (CHANNEL * Interval(t, 0, 1)).periodic == (x,)
    assert (CHANNEL * Interval(t, 0, 1)).boundary.measure == 4
    tube = Disc({x: 0, y: 0}, 1) * Interval(z, 0, 2, periodic=True)
    assert tube.periodic == (z,)
    assert tube.boundary.measure == pytest.approx(4 * np.pi, rel=1e-12)
    pierced = TORUS - HOLE
    assert pierced.periodic == (x, y)
    assert pierced.boundary.measure == pytest.approx(np.pi / 2, rel=2e-3)
    assert (TORUS | HOLE).periodic == (x, y)
    assert (HOLE | TORUS).periodic == (x, y)
    strip = Box({x: (-1, 1), y: (0.5, 2)}, periodic=(x,))
    assert (CHANNEL & strip).periodic == (CHANNEL | strip).periodic == (CHANNEL - strip).periodic == (x,)
    seam = CHANNEL | Box({x: (-1, 1), y: (1, 2)}, periodic=(x,))
    assert seam.sides(np.array([[-1, 1], [1, 1], [0, 1], [1, 2]]), 1e-12).tolist() == [-1, -1, -1, 0]


@pytest.mark.parametrize("make", [
    lambda: CHANNEL - Disc({x: 1, y: 0.5}, 0.25), lambda: CHANNEL & HOLE, lambda: HOLE - CHANNEL,
    lambda: CHANNEL | Box({x: (-1, 1), y: (1, 2)}), lambda: CHANNEL - Box({x: (-2, 2), y: (0.5, 2)}, periodic=(x,))])
def test_csg_that_would_not_repeat(make: object) -> None:
    with pytest.raises(DomainError, match="x periodic: .* do not repeat alike. Make both periodic over the same ends of x"):
        make()


@pytest.mark.parametrize("given", [(z,), ("x",), 3, (x, z)])
def test_periodic_coordinates_that_are_none(given: object) -> None:
    with pytest.raises(DomainError, match=r"of a box with the coordinates \(x, y\); name some of those"):
        Box({x: (0, 1), y: (0, 1)}, periodic=given)


def test_a_symbol_will_do_for_one() -> None:
    box: Domain = Box({x: (0, 1), y: (0, 1)}, periodic=y)
    assert box.periodic == (y,)
