"""Products with an interval: space-time with its lateral boundary, initial states, slabs; cylinders; parameters."""

import math
from pathlib import Path

import numpy as np
import pytest
import sympy

from pinnsiren.domains import (
    Ball,
    Box,
    Disc,
    Final,
    Initial,
    Interval,
    PointSet,
    PointSetProduct,
    Product,
    Region,
    RegionProduct,
)
from pinnsiren.domains.product import restricted
from pinnsiren.equation import Equation
from pinnsiren.errors import DomainError
from pinnsiren.problem import Problem
from pinnsiren.sampling import METHODS
from pinnsiren.storage import read, write
from pinnsiren.symbols import Data, Field, RangedParameter, coordinates, laplacian, normal_derivative, time

x, y, z = coordinates("x y z")
t = time("t")
k = RangedParameter("k", 1, 3)
SQUARE = Box({x: (-1, 1), y: (0, 1)})
RING = Disc({x: 0, y: 0}, 1) - Disc({x: 0, y: 0}, 0.5)
DURATION = Interval(t, 0, 3)
SPACETIME = RING * DURATION
CYLINDER = RING * Interval(z, 0, 3)


def test_space_time_has_a_lateral_boundary_with_spatial_normals() -> None:
    assert SPACETIME.coordinates == (x, y, t)
    assert (SPACETIME.space, SPACETIME.interval, SPACETIME.time) == (RING, DURATION, t)
    assert SPACETIME.interior.measure == pytest.approx(3 * 0.75 * math.pi, rel=2e-3)
    assert SPACETIME.boundary.measure == pytest.approx(3 * 3 * math.pi, rel=2e-3)
    sample = SPACETIME.boundary.sample(400)
    assert (sample.normals[:, 2] == 0).all()
    radius = np.linalg.norm(sample.values[:, :2], axis=1)
    assert set(radius.round(9)) == {0.5, 1.0}
    outward = sample.values[:, :2] / radius[:, None] * np.where(radius > 0.75, 1, -1)[:, None]
    np.testing.assert_allclose(sample.normals[:, :2], outward, atol=1e-12)
    assert (SPACETIME.boundary.dimension, SPACETIME.interior.dimension) == (2, 3)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "edges"])
def test_its_samples_are_uniform_in_time_and_independent_of_space(method: str) -> None:
    for region in (SPACETIME.interior, SPACETIME.boundary):
        values = region.sample(4000, seed=2, method=method).values
        assert region.contains(values).all()
        s = values[:, 2] / 3
        assert [s.mean(), (s**2).mean()] == pytest.approx([1 / 2, 1 / 3], abs=1.5e-2)
        assert np.corrcoef(s, values[:, 0])[0, 1] == pytest.approx(0, abs=5e-2)


def test_first_and_last_times_are_inside_and_carry_their_own_regions() -> None:
    places = np.array([[0.75, 0, 0], [0.75, 0, 3], [1, 0, 0], [1, 0, 3], [0.75, 0, 3.1], [0.2, 0, 0]])
    assert SPACETIME.sides(places, 0.0).tolist() == [-1, -1, 0, 0, 1, 1]
    assert SPACETIME.boundary.contains(places).tolist() == [False, False, True, True, False, False]
    assert SPACETIME.initial.contains(places).tolist() == [True, False, True, False, False, False]
    assert SPACETIME.final.contains(places).tolist() == [False, True, False, True, False, False]
    for region, value in ((SPACETIME.initial, 0.0), (SPACETIME.final, 3.0)):
        sample = region.sample(300)
        assert (sample.values[:, 2] == value).all()
        assert sample.normals is None
        assert region.contains(sample.values).all()
        assert region.measure == pytest.approx(0.75 * math.pi, rel=2e-3)
        assert (region.dimension, region.has_normals) == (2, False)
    half = SPACETIME.initial.where(x > 0)
    assert half.measure == pytest.approx(0.375 * math.pi, rel=4e-3)
    with pytest.raises(DomainError, match=r"has no normals; a derivative in time is u.diff\(t\)"):
        SPACETIME.initial.normals_at(places)


def test_lateral_faces() -> None:
    channel = SQUARE * DURATION
    face = channel.face(x, -1)
    assert face.measure == 3
    sample = face.sample(64)
    assert (sample.values[:, 0] == -1).all()
    np.testing.assert_array_equal(sample.normals, np.tile([-1, 0, 0], (64, 1)))
    np.testing.assert_array_equal(face.normals_at(sample.values), sample.normals)
    assert face.where(t < 1).measure == pytest.approx(1, rel=1e-3)
    assert face.contains([[-1, 0.5, 0], [-1, 0.5, 3], [-1, 0.5, 3.1], [0, 0.5, 1]]).tolist() == [True, True, False, False]
    with pytest.raises(DomainError, match=r"no faces across time and parameters; use its .initial or .final"):
        channel.face(t, 0)
    with pytest.raises(DomainError, match=r"its faces across x are at -1, 1"):
        channel.face(x, 0)


def test_an_interval_in_time() -> None:
    bar = Interval(x, 0, 2) * DURATION
    assert bar.boundary.measure == 6
    assert bar.initial.measure == 2
    assert set(bar.boundary.sample(9).values[:, 0]) == {0.0, 2.0}
    assert bar.initial.sample(16, method="grid").values[:, 0].tolist() == [(2 * i + 1) / 16 for i in range(16)]


def test_the_tolerance_in_time_is_a_share_of_the_duration() -> None:
    for duration in (1e-9, 1.0, 1e9):
        light = Interval(x, 0, 1) * Interval(t, 0, duration)
        assert light.initial.contains([[0.5, 1e-12 * duration], [0.5, 1e-6 * duration]]).tolist() == [True, False]
        assert light.interior.contains([[0.5, -1e-12 * duration], [0.5, -1e-6 * duration]]).tolist() == [True, False]
        assert light.boundary.contains([[1e-12, 0.5 * duration], [1e-6, 0.5 * duration]]).tolist() == [True, False]


def test_a_product_with_a_space_coordinate_is_a_cylinder_with_ends() -> None:
    assert CYLINDER.time is None
    assert CYLINDER.boundary.measure == pytest.approx(9 * math.pi + 2 * 0.75 * math.pi, rel=2e-3)
    bottom = CYLINDER.face(z, 0)
    assert bottom.measure == pytest.approx(0.75 * math.pi, rel=2e-3)
    np.testing.assert_array_equal(bottom.sample(2).normals, [[0, 0, -1]] * 2)
    np.testing.assert_array_equal(CYLINDER.boundary.normals_at([[0.75, 0, 3], [1, 0, 1], [0.5, 0, 1]]),
                                  [[0, 0, 1], [1, 0, 0], [-1, 0, 0]])
    sample = CYLINDER.boundary.sample(500)
    np.testing.assert_allclose(CYLINDER.boundary.normals_at(sample.values), sample.normals, atol=1e-12)
    assert (CYLINDER.sides(sample.values + 1e-5 * sample.normals, 0.0) == 1).mean() > 0.99
    assert (SQUARE * Interval(z, 0, 2)).sides(np.array([[0, 0.5, 0], [0, 0.5, 1], [0, 0.5, -1], [1, 1, 2]]), 0.0).tolist() \
        == [0, -1, 1, 0]


def test_products_of_products() -> None:
    whole = SQUARE * DURATION * Interval(k, 1, 3)
    assert whole.coordinates == (x, y, t, k)
    assert (whole.time, whole.sliced) == (t, (t, k))
    assert whole.boundary.measure == 6 * 3 * 2
    assert (whole.boundary.sample(10).normals[:, 2:] == 0).all()
    start = whole.initial.sample(100)
    assert (start.values[:, 2] == 0).all()
    assert np.ptp(start.values[:, 3]) > 1.9
    assert whole.initial.measure == 4
    duct = SQUARE * DURATION * Interval(z, 0, 1)
    assert duct.boundary.measure == (6 + 2 * 2) * 3
    np.testing.assert_array_equal(duct.face(z, 1).sample(1).normals, [[0, 0, 0, 1]])


def test_the_divergence_theorem_holds_in_every_slice() -> None:
    """∫∮ F·n ds dt = ∫∫ div F dx dt for a flux that changes with time."""
    outside, inside = SPACETIME.boundary.sample(2**14), SPACETIME.interior.sample(2**14).values
    p = outside.values
    flux = np.stack([p[:, 0] ** 3 * p[:, 2], p[:, 1] + p[:, 2] ** 2, 0 * p[:, 0]], axis=1)
    divergence = 3 * inside[:, 0] ** 2 * inside[:, 2] + 1
    assert SPACETIME.boundary.measure * (flux * outside.normals).sum(axis=1).mean() == pytest.approx(
        SPACETIME.interior.measure * divergence.mean(), rel=4e-3)


def test_csg_of_space_times_is_taken_slice_by_slice() -> None:
    whole = SQUARE * DURATION
    cut = whole - Disc({x: 0, y: 0.5}, 0.25) * DURATION
    assert cut.time == t
    assert cut.boundary.measure == pytest.approx(3 * (6 + math.pi / 2), rel=2e-3)
    assert (cut.boundary.sample(200).normals[:, 2] == 0).all()
    assert cut.initial.measure == pytest.approx(2 - math.pi / 16, rel=2e-3)
    places = np.array([[0.25, 0.5, 0], [0.6, 0.5, 0], [0, 0.5, 0], [1, 0.5, 3]])
    assert cut.sides(places, 1e-12).tolist() == [0, -1, 1, 0]
    joined = Box({x: (-1, 0), y: (0, 1)}) * DURATION | Box({x: (0, 1), y: (0, 1)}) * DURATION
    assert joined.sides(np.array([[0, 0.5, 0], [0, 0.5, 1], [0, 1, 3]]), 1e-12).tolist() == [-1, -1, 0]
    with pytest.raises(DomainError, match="in a Box time is a coordinate like another"):
        whole - Box({x: (0, 0.5), y: (0, 0.5), t: (0, 3)})


def test_slabs() -> None:
    assert restricted(SPACETIME.interior, 1, 2) == (RING * Interval(t, 1, 2)).interior
    assert restricted(SPACETIME.boundary, 1, 2).measure == pytest.approx(3 * math.pi, rel=2e-3)
    assert restricted(SPACETIME.initial, 1, 2) == Initial(RING * Interval(t, 1, 2))
    assert restricted(SPACETIME.final, 1, 2) == Final(RING * Interval(t, 1, 2))
    face = restricted((SQUARE * DURATION).face(x, 1), 0, 1)
    assert face == (SQUARE * Interval(t, 0, 1)).face(x, 1)
    assert restricted(SPACETIME.boundary.where(x > 0), 1, 2) == (RING * Interval(t, 1, 2)).boundary.where(x > 0)
    assert restricted(SPACETIME.interior * Interval(k, 1, 2), 0, 1) == (RING * Interval(t, 0, 1)).interior * Interval(k, 1, 2)
    cut = SQUARE * DURATION - Disc({x: 0, y: 0.5}, 0.25) * DURATION
    assert restricted(cut.interior, 0, 1).measure == pytest.approx(2 - math.pi / 16, rel=2e-3)
    hole = Disc({x: 0, y: 0.5}, 0.25)
    assert restricted((SQUARE * DURATION).boundary.of(SQUARE), 0, 1).measure == 6
    assert restricted(cut.boundary.of(hole * DURATION), 0, 1).measure == pytest.approx(math.pi / 2, rel=2e-3)
    measured = PointSet((x, t), [[0, 0.5], [0, 1.5], [1, 2.5]], data={Data("d"): [1, 2, 3]})
    assert restricted(measured, 1, 2).values.tolist() == [[0, 1.5]]
    assert restricted(measured * Interval(k, 1, 2), 1, 3) == measured.where(t >= 1) * Interval(k, 1, 2)
    for lower, upper in ((-1, 1), (1, 4), (2, 1), (1, 1)):
        with pytest.raises(DomainError, match=r"is not within the time \(0, 3\)"):
            restricted(SPACETIME.interior, lower, upper)
    with pytest.raises(DomainError, match="slab of time was asked of .*which has no time"):
        restricted(SQUARE.interior, 0, 1)
    with pytest.raises(DomainError, match="no time among its coordinates"):
        restricted(PointSet((x,), [[1.0]]), 0, 1)


@pytest.mark.parametrize("region", [SQUARE.interior, RING.boundary, SQUARE.face(x, 1), SPACETIME.initial,
                                    RING.boundary.where(x > 0), (SQUARE * DURATION).face(y, 0)], ids=str)
def test_products_of_regions_give_every_point_every_value(region: Region) -> None:
    product = region * Interval(k, 1, 3)
    assert isinstance(product, RegionProduct)
    assert product.coordinates == (*region.coordinates, k)
    assert product.measure == pytest.approx(2 * region.measure, rel=2e-3)
    assert (product.dimension, product.has_normals) == (region.dimension + 1, region.has_normals)
    sample = product.sample(500, seed=3)
    assert product.contains(sample.values).all()
    assert region.contains(sample.values[:, :-1]).all()
    assert sample.values[:, -1].mean() == pytest.approx(2, abs=0.02)
    assert not product.contains(sample.values + np.eye(len(product.coordinates))[-1] * 3).any()
    if region.has_normals:
        assert (sample.normals[:, -1] == 0).all()
        np.testing.assert_allclose(product.normals_at(sample.values), sample.normals, atol=1e-12)
        np.testing.assert_allclose(region.normals_at(sample.values[:, :-1]), sample.normals[:, :-1], atol=1e-12)


def test_products_of_point_sets_keep_rows_and_data_together() -> None:
    d = Data("d")
    points = np.random.default_rng(0).random((20, 2))
    measured = PointSet((x, y), points, data={d: points.sum(axis=1)}, normals=np.tile([0.6, 0.8], (20, 1)))
    product = measured * Interval(k, 1, 3)
    assert isinstance(product, PointSetProduct)
    assert (product.points, product.coordinates, product.data, product.domain) == (None, (x, y, k), (d,), None)
    assert product.measure == 40
    sample = product.sample(1000, seed=1)
    np.testing.assert_array_equal(sample.data[d], sample.values[:, :2].sum(axis=1))
    np.testing.assert_array_equal(sample.normals, np.tile([0.6, 0.8, 0], (1000, 1)))
    assert product.contains(sample.values).all()
    np.testing.assert_array_equal(product.normals_at(sample.values), sample.normals)
    _, counts = np.unique(sample.values[:, :2], axis=0, return_counts=True)
    assert (len(counts), counts.min() >= 45, counts.max() <= 55) == (20, True, True)
    assert len(np.unique(sample.values[:, 2])) == 1000
    assert product.where(x > 0.5) == measured.where(x > 0.5) * Interval(k, 1, 3)
    both = product * Interval(z, 0, 1)
    assert both.coordinates == (x, y, k, z)
    assert both.sample(10).values.shape == (10, 4)


@pytest.mark.parametrize("make, match", [
    (lambda: SQUARE * 3, r"was given 3 as its second factor; expected an interval such as ps.Interval\(t, 0, 1\)"),
    (lambda: SQUARE * Box({z: (0, 1), t: (0, 1)}), "expected an interval"),
    (lambda: SQUARE * Disc({z: 0, t: 0}, 1), "expected an interval"),
    (lambda: SQUARE * Interval(x, 0, 1), "has the coordinate x in both factors"),
    (lambda: SQUARE.interior * Interval(y, 0, 1), "has the coordinate y in both factors"),
    (lambda: Product(3, DURATION), "expected a domain and an Interval"),
    (lambda: DURATION * Interval(x, 0, 1), r"has the time t in its first factor, which is a Box; .* space \* Interval"),
    (lambda: SPACETIME * Interval(time("s"), 0, 1), "has the times t and s; a domain has one time"),
    (lambda: RegionProduct(PointSet((x,), [[0.0]]), DURATION), "which takes point sets too"),
    (lambda: SQUARE.initial, r"'initial' was asked of .* which has no time; .* space \* ps.Interval\(t, 0, 1\)"),
    (lambda: CYLINDER.final, "'final' was asked of .* which has no time"),
    (lambda: Box({x: (0, 1), t: (0, 1)}).initial, "'initial' was asked of"),
    (lambda: SQUARE.slice_charts(0), "a slice was asked of .* no time"),
    (lambda: (SQUARE * Interval(t, 0, 1, periodic=True)).initial, "is periodic in t: it has no first and no last time"),
])
def test_factors_that_do_not_fit(make: object, match: str) -> None:
    with pytest.raises(DomainError, match=match):
        make()


def test_normal_derivatives_on_the_lateral_boundary_see_space_only() -> None:
    u = Field("u", x, y, t)
    exact = sympy.exp(-t) * (x**2 - 3 * x * y)
    flux = normal_derivative(exact, (x, y))
    problem = Problem(Equation(u.diff(t), laplacian(u)).on(SPACETIME.interior),
                      Equation(normal_derivative(u), 0, name="wall").on(SPACETIME.boundary),
                      Equation(u, 1).on(SPACETIME.initial))
    assert [c.name for c in problem.constraints] == ["interior", "wall", "initial"]
    assert not [f for f in problem.check() if f.severity == "error"]
    sample = SPACETIME.boundary.sample(50)
    values = sympy.lambdify((x, y, t, *sorted(flux.free_symbols - {x, y, t}, key=str)), flux)(
        *sample.values.T, *sample.normals[:, :2].T)
    h = 1e-6
    f = sympy.lambdify((x, y, t), exact)
    slope = (f(*(sample.values + h * sample.normals).T) - f(*(sample.values - h * sample.normals).T)) / (2 * h)
    np.testing.assert_allclose(values, slope, atol=1e-8)


@pytest.mark.parametrize("thing", [
    SPACETIME, CYLINDER, SPACETIME.initial, SPACETIME.final, SPACETIME.boundary.where(t > 1), (SQUARE * DURATION).face(x, 1),
    SQUARE.interior * Interval(k, 1, 3), PointSet((x, y), [[0.0, 1.0]]) * Interval(k, 1, 2), SPACETIME.boundary.of(RING.right),
    Box({x: (0, 1), y: (0, 1)}, periodic=(y,)), Ball({x: 0, y: 1, z: 2}, 3) * DURATION], ids=lambda thing: type(thing).__name__)
def test_products_come_back_from_files(tmp_path: Path, thing: object) -> None:
    write(tmp_path / "thing.h5", {"thing": thing})
    assert read(tmp_path / "thing.h5")["thing"] == thing
