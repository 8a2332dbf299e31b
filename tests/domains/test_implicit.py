"""Domains by an expression: arc length, cuts by the bounds, moving domains, and formulas that describe none."""

import math
from pathlib import Path

import numpy as np
import pytest
import sympy

import pinnsiren as ps
from pinnsiren.domains import Disc, Intersection, Interval, Union
from pinnsiren.domains.implicit import Implicit, Region
from pinnsiren.domains.level_set import zero_set
from pinnsiren.domains.product import restricted
from pinnsiren.errors import DomainError
from pinnsiren.storage import read, write
from pinnsiren.symbols import Field, Parameter, RangedParameter, coordinates, time

x, y, z = coordinates("x y z")
t = time("t")
SQUARE = {x: (-2.0, 2.0), y: (-2.0, 2.0)}
FLOWER = Region(x**2 + y**2 <= (1 + 0.3 * sympy.cos(3 * sympy.atan2(y, x))) ** 2, SQUARE)


def test_it_is_the_region_of_the_package() -> None:
    assert ps.Region is Region
    assert Region(x**2 + y**2 <= 1, SQUARE) == Implicit(x**2 + y**2 <= 1, SQUARE)
    assert Region(1 - x**2 > y**2, SQUARE).interior.measure == pytest.approx(math.pi, rel=1e-2)


def test_samples_are_uniform_in_arc_length() -> None:
    angle = np.linspace(0, 2 * np.pi, 100_001)[:-1]
    radius, slope = 1 + 0.3 * np.cos(3 * angle), -0.9 * np.sin(3 * angle)
    weights = np.hypot(radius, slope) * 2 * np.pi / len(angle)
    assert FLOWER.boundary.measure == pytest.approx(weights.sum(), rel=1e-3)
    sample = FLOWER.boundary.sample(2**13)
    found = np.arctan2(*sample.values.T[::-1])
    np.testing.assert_allclose(np.hypot(*sample.values.T), 1 + 0.3 * np.cos(3 * found), rtol=1e-12)
    share = np.histogram(found, np.linspace(-np.pi, np.pi, 25))[0] / len(found)
    expected = np.histogram((angle + np.pi) % (2 * np.pi) - np.pi, np.linspace(-np.pi, np.pi, 25), weights=weights)[0]
    np.testing.assert_allclose(share, expected / weights.sum(), rtol=1e-2)


def test_samples_are_uniform_on_a_surface() -> None:
    """On the spheroid x² + y² + z²/4 = 1 the density of area along z is √(1 − 3 z²/16)."""
    spheroid = Region(x**2 + y**2 + z**2 / 4 <= 1, {x: (-1.1, 1.2), y: (-1.1, 1.1), z: (-2.1, 2.2)})
    eccentricity = math.sqrt(3) / 2
    assert spheroid.boundary.measure == pytest.approx(2 * math.pi * (1 + 2 / eccentricity * math.asin(eccentricity)), rel=2e-3)
    heights = spheroid.boundary.sample(2**13).values[:, 2]
    s = np.linspace(-2, 2, 100_001)
    density = np.sqrt(1 - 3 * s**2 / 16)
    density /= density.sum()
    for power in (1, 2, 4):
        assert (heights**power).mean() == pytest.approx((density * s**power).sum(), abs=1e-2)


def test_normals_are_the_symbolic_gradient() -> None:
    sample = FLOWER.boundary.sample(300)
    h = 1e-6
    phi = sympy.lambdify((x, y), x**2 + y**2 - (1 + 0.3 * sympy.cos(3 * sympy.atan2(y, x))) ** 2)
    slope = np.stack([(phi(*(sample.values + e).T) - phi(*(sample.values - e).T)) / (2 * h) for e in h * np.eye(2)], axis=1)
    np.testing.assert_allclose(sample.normals, slope / np.linalg.norm(slope, axis=1, keepdims=True), atol=1e-8)


def test_bounds_cut_flat_faces() -> None:
    half = Region(x**2 + y**2 <= 1, {x: (0, 2), y: (-2, 0.5)})
    side = half.face(x, 0)
    assert side.measure == pytest.approx(1.5, rel=1e-3)
    np.testing.assert_array_equal(side.sample(3).normals, [[-1, 0]] * 3)
    top = half.face(y, 0.5)
    assert top.measure == pytest.approx(math.sqrt(0.75), rel=1e-3)
    places = np.array([[0, 0.25], [0.5, 0.5], [1, 0], [0, -1.5], [1.5, 0.5], [0.25, 0], [0, 0.5]])
    assert half.sides(places, 1e-12).tolist() == [0, 0, 0, 1, 1, -1, 0]
    np.testing.assert_array_equal(half.normals(places[:3]), [[-1, 0], [0, 1], [1, 0]])
    assert half.boundary.of(Disc({x: 0, y: 0}, 1)).measure == pytest.approx(2 * math.pi / 3, rel=2e-3)
    whole = Region(x <= 2, SQUARE)  # the surface is a face of the bounds
    assert whole.boundary.measure == pytest.approx(16, rel=1e-9)
    assert whole.face(x, 2).measure == pytest.approx(4, rel=1e-9)


def test_one_dimension() -> None:
    pieces = Region((x**2 - 1) * (x**2 - 4) <= 0, {x: (-3, 1.5)})
    assert pieces.interior.measure == pytest.approx(1.5, rel=3e-3)
    sample = pieces.boundary.sample(8)
    found = dict(zip(sample.values[:, 0].round(12).tolist(), sample.normals[:, 0].tolist(), strict=True))
    assert found == {-2: -1, -1: 1, 1: -1, 1.5: 1}


def test_conditions_joined_by_and_and_or() -> None:
    moon = Region((x**2 + y**2 <= 1) & ((x - 0.5) ** 2 + y**2 >= 0.5), SQUARE)
    assert isinstance(moon, Intersection)
    disc, other = Disc({x: 0, y: 0}, 1), Disc({x: 0.5, y: 0}, math.sqrt(0.5))
    assert moon.interior.measure == pytest.approx((disc - other).interior.measure, rel=3e-2)
    assert moon.boundary.measure == pytest.approx((disc - other).boundary.measure, rel=3e-3)
    either = Region((x**2 + y**2 <= 1) | (y > 1.5), SQUARE)
    assert isinstance(either, Union)
    assert either.interior.measure == pytest.approx(math.pi + 2, rel=1e-2)
    assert either.boundary.measure == pytest.approx(2 * math.pi + 9, rel=2e-3)
    assert Region(~((x > 0) | (y > 0)), SQUARE).interior.measure == pytest.approx(4, rel=1e-2)


def test_a_disc_that_moves_and_grows() -> None:
    moving = Region((x - t) ** 2 + y**2 <= (1 + t) ** 2 / 4, {x: (-2, 3), y: (-2, 2), t: (0, 1)})
    assert (moving.time, moving.sliced) == (t, (t,))
    sample = moving.boundary.sample(2**12)
    at = sample.values[:, 2:]
    outward = np.hstack([(sample.values[:, :1] - at), sample.values[:, 1:2], 0 * at]) * 2 / (1 + at)
    np.testing.assert_allclose(sample.normals, outward, atol=1e-9)
    # the length of ∂Ω(t) is π(1 + t), so the density of times on it is (1 + t)/1.5
    assert at.mean() == pytest.approx(5 / 9, abs=3e-3)
    assert moving.initial.measure == pytest.approx(math.pi / 4, rel=1e-2)
    assert moving.final.measure == pytest.approx(math.pi, rel=1e-2)
    start = moving.initial.sample(100).values
    assert (np.hypot(*start[:, :2].T) < 0.5).all()
    assert (start[:, 2] == 0).all()
    places = np.array([[0, 0.5, 0], [0, 0, 0], [2, 0, 1], [0, 0.6, 0], [0, 0, 2]])
    assert moving.sides(places, 1e-12).tolist() == [0, -1, 0, 1, 1]
    late = restricted(moving.boundary, 0.5, 1)
    assert late.domain.bounds[2].tolist() == [0.5, 1]
    assert late.measure == pytest.approx(math.pi * (0.5 + 0.375), rel=2e-3)


def test_a_moving_obstacle_in_a_channel() -> None:
    channel = ps.Box({x: (-2, 2), y: (0, 1)}) * Interval(t, 0, 1)
    obstacle = Region((x - t) ** 2 + (y - 0.5) ** 2 <= 0.0625, {x: (-2, 2), y: (0, 1), t: (0, 1)})
    flow = channel - obstacle
    assert flow.boundary.measure == pytest.approx(10 + math.pi / 2, rel=2e-3)
    wall = flow.boundary.of(obstacle)
    assert wall.measure == pytest.approx(math.pi / 2, rel=5e-3)
    sample = wall.sample(200)
    inward = (np.stack([sample.values[:, 2], 0 * sample.values[:, 2] + 0.5], axis=1) - sample.values[:, :2]) / 0.25
    np.testing.assert_allclose(sample.normals[:, :2], inward, atol=1e-8)
    assert (sample.normals[:, 2] == 0).all()
    assert flow.initial.measure == pytest.approx(4 - math.pi / 16, rel=2e-3)


def test_an_interval_whose_end_moves() -> None:
    front = Region(x <= t / 2, {x: (0, 2), t: (0, 2)})
    assert front.boundary.measure == pytest.approx(4, rel=1e-3)
    right = front.boundary.where(x > 1e-3).sample(200)
    np.testing.assert_allclose(right.values[:, 0], right.values[:, 1] / 2, rtol=1e-9)
    np.testing.assert_array_equal(right.normals, np.tile([1, 0], (200, 1)))
    assert front.final.measure == pytest.approx(1, rel=1e-3)
    assert front.initial.is_empty()


def test_a_family_of_domains() -> None:
    k, size = RangedParameter("k", 1, 2), Parameter("size", 0.5)
    discs = Region(x**2 + y**2 <= (size * k) ** 2, {x: (-1.1, 1.1), y: (-1.1, 1.1), k: (1, 2)})
    assert discs.time is None
    assert discs.boundary.measure == pytest.approx(1.5 * math.pi, rel=2e-3)


def test_finer_cells_find_finer_details() -> None:
    speck = (x - 0.3) ** 2 + (y - 0.4) ** 2 <= 0.001**2
    assert Region(speck, SQUARE).boundary.is_empty()
    assert Implicit(speck, {x: (0.2, 0.4), y: (0.3, 0.5)}).boundary.measure == pytest.approx(2e-3 * math.pi, rel=1e-1)


def test_the_zero_set_converges_with_the_square_of_the_cells() -> None:
    def error(cells: int) -> float:
        corners = zero_set(lambda p: np.hypot(*p.T) - 1, np.array([[-1.3, 1.2], [-1.1, 1.4]]), cells)
        return abs(float(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1).sum()) - 2 * math.pi)

    cells = np.array([16, 32, 64, 128, 256])
    order = -np.polyfit(np.log(cells), np.log([error(int(n)) for n in cells]), 1)[0]
    assert order == pytest.approx(2, abs=0.15)
    assert zero_set(lambda p: 1 + p[:, 0] ** 2, np.array([[-1.0, 1], [-1, 1]]), 8).shape == (0, 2, 2)


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    moving = Region((x - t) ** 2 + y**2 <= 1, {**SQUARE, t: (0, 1)})
    for thing in (FLOWER, FLOWER.boundary, moving.initial, Region((x > 0) & (y > 0), SQUARE)):
        write(tmp_path / "thing.h5", {"thing": thing})
        assert read(tmp_path / "thing.h5")["thing"] == thing


@pytest.mark.parametrize("condition, bounds, match", [
    (x**2 + y**2, SQUARE, "was not given an inequality; expected one such as"),
    (sympy.Eq(x, y), SQUARE, "was not given an inequality"),
    (x**2 >= 0, SQUARE, r"Region\(True, …\): the condition is True at every point"),
    (x**2 + 1 < 0, SQUARE, "the condition is False at every point"),
    ("x < 1", SQUARE, "was not given an inequality"),
    (x + z <= 1, SQUARE, "uses z, and has bounds for x, y. Give bounds for every coordinate"),
    (Field("u", x, y) <= 1, SQUARE, r"uses u\(x, y\)"),
    (x <= 1, {t: (0, 1), x: (0, 2)}, "give space first, time and parameters last"),
    (t <= 1, {t: (0, 2)}, "give space first"),
    (x <= 1, dict.fromkeys(sympy.symbols("x y z w v", real=True), (0, 2)), "its surface is found in up to 4"),
    (x <= 1, {x: (1, 0)}, "runs backwards"),
    (x <= 1, 3, "expected an entry for each coordinate"),
    (sympy.Function("f")(x) <= 1, SQUARE, r"uses f\(x\)"),
    (y * sympy.floor(x) <= 1, SQUARE, "sympy has no derivative of its sides"),
])
def test_formulas_that_describe_no_domain(condition: object, bounds: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        Region(condition, bounds)


def test_empty_and_degenerate_domains() -> None:
    nothing = Region(x + y >= 9, SQUARE)
    for region in (nothing.interior, nothing.boundary):
        with pytest.raises(DomainError, match="Check the signs of .* and that it holds somewhere within the bounds"):
            region.sample(3)
    with pytest.raises(DomainError, match=r"the gradient of its sides vanishes .* leave out powers"):
        Region((x + y - 0.1) ** 3 <= 0, SQUARE).boundary.sample(3)
    with pytest.raises(DomainError, match="cells=1; give a whole number"):
        Implicit(x <= 1, SQUARE, cells=1)
