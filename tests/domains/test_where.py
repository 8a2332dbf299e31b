"""Parts of regions by conditions: measures, tolerance, chains, and conditions that cannot be."""

import numpy as np
import pytest
import sympy
from sympy import Eq, Ne, Not, Xor

from pinnsiren.domains import Ball, Box, Disc
from pinnsiren.errors import DomainError
from pinnsiren.symbols import Field, Parameter

x, y, z = sympy.symbols("x y z", real=True)
SQUARE = Box({x: (-1, 1), y: (-1, 1)})
DISC = Disc({x: 0, y: 0}, 2)


@pytest.mark.parametrize("condition, area", [
    (x > 0, 2), (x <= -0.5, 1), ((x > 0) & (y > 0), 1), ((x > 0) | (y > 0), 3), (Not((x > 0) & (y > 0)), 3),
    (x**2 + y**2 < 1, np.pi), (Xor(x > 0, y > 0), 2), (sympy.Abs(x) < 0.25, 1), (Ne(x, 0), 4), (True, 4),
    (sympy.sqrt(x) < 2, 2), (sympy.floor(2 * x) >= 1, 1), (sympy.Max(x, y) < 0, 1),
    (x > Parameter("a", 0.5), 1), (sympy.exp(-100 * x**2) > sympy.Float(1e-12), 4 * np.sqrt(-np.log(1e-12) / 100)),
])
def test_measure_and_sample(condition: object, area: float) -> None:
    region = SQUARE.interior.where(condition)
    assert region.measure == pytest.approx(area, rel=3e-3)
    sample = region.sample(300, seed=1)
    assert len(sample) == 300
    assert region.contains(sample.values).all()
    assert not region.is_empty()


def test_an_equation_on_a_boundary_picks_a_whole_face() -> None:
    part = SQUARE.boundary.where(Eq(x, -1))
    assert part.measure == 2
    assert (part.sample(100).values[:, 0] == -1).all()
    np.testing.assert_array_equal(part.sample(3).normals, [[-1, 0]] * 3)
    two = SQUARE.boundary.where(Eq(x, -1) | Eq(y, 1))
    assert two.measure == 4
    counts = (two.sample(100).values[:, 0] == -1).sum()
    assert counts == 50


def test_part_of_a_circle() -> None:
    arc = DISC.boundary.where(x > 1)
    assert arc.measure == pytest.approx(4 * np.pi / 3, rel=1e-3)
    sample = arc.sample(1000)
    np.testing.assert_allclose(sample.normals, sample.values / 2, atol=1e-14)
    assert sample.values[:, 0].mean() == pytest.approx(3 * np.sqrt(3) / np.pi, abs=1e-2)
    assert (arc.dimension, arc.has_normals, arc.domain) == (1, True, DISC)
    cap = Ball({x: 0, y: 0, z: 0}, 1).boundary.where(z > 0.5)
    assert cap.measure == pytest.approx(np.pi, rel=1e-3)


def test_chains_combine_to_equal_regions() -> None:
    boundary = SQUARE.boundary
    assert boundary.where(x > 0).where(y > 0) == boundary.where((y > 0) & (x > 0))
    assert boundary.where(x > 0).where(y > 0).measure == pytest.approx(2, rel=1e-3)
    assert SQUARE.face(x, 1).where(y > 0).measure == pytest.approx(1, rel=1e-3)


def test_the_tolerance_is_a_distance_and_negations_share_no_point() -> None:
    near = np.array([[1e-17, 0.0], [-1e-17, 0.0], [1e-7, 0.0], [-1e-7, 0.0]])
    inside = SQUARE.interior
    assert inside.where(x >= 0).contains(near).tolist() == [True, True, True, False]
    assert inside.where(x > 0).contains(near).tolist() == [False, False, True, False]
    assert inside.where(Eq(1000 * x, 0)).contains(near).tolist() == [True, True, False, False]
    assert inside.where(Eq(1000 * x, 0)).contains(near, 1e-6).all()
    for condition in (x >= 0, x**2 > 1e-16, Eq(x, 0) & (y <= 0)):
        both = inside.where(condition).contains(near), inside.where(Not(condition)).contains(near)
        np.testing.assert_array_equal(both[0], ~both[1])


def test_symbols_that_are_not_declared_real() -> None:
    u, v = sympy.symbols("u v")
    assert Box({u: (-1, 1), v: (0, 1)}).interior.where(sympy.Abs(u) < 0.5).measure == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("region, condition, match", [
    (SQUARE.interior, Eq(x, 0), "An equality has no volume: write domain.face"),
    (SQUARE.interior, x > 3, "Check that its condition holds somewhere"),
    (SQUARE.interior, x == 0, r"x == 0 compares symbols: write sympy.Eq\(x, 0\)"),
    (DISC.boundary, Eq(x, 1), "An equality has no volume"),
])
def test_empty_parts(region: object, condition: object, match: str) -> None:
    part = region.where(condition)
    assert part.is_empty()
    with pytest.raises(DomainError, match=rf"empty region .*{match}"):
        part.sample(5)


@pytest.mark.parametrize("condition, match", [
    (z > 0, r"where\(z > 0\) uses z; the region has x, y"),
    (Field("u", x, y) > 0, r"uses u\(x, y\)"),
    (x + y, "was not given a condition"),
    (x, "was not given a condition"),
    ("x > 0", "was not given a condition"),
    (1, "was not given a condition"),
])
def test_bad_conditions(condition: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        SQUARE.interior.where(condition)


def test_a_symbol_is_no_condition_inside_one_either() -> None:
    flag = sympy.Symbol("x")
    with pytest.raises(DomainError, match="which is not a comparison"):
        Box({flag: (0, 1), y: (0, 1)}).interior.where(flag & (y > 0)).sample(3)
