"""Point sets: samples of them, equality by content, and every way in which data can be bad."""

import dataclasses

import numpy as np
import pytest
import sympy

from pinnsiren.domains import PointSet
from pinnsiren.errors import DataError, DomainError
from pinnsiren.symbols import Data

x, y = sympy.symbols("x y", real=True)
d, e = Data("d"), Data("e")
GRID = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
PIXELS = PointSet((x, y), GRID, data={d: GRID[:, 0] * 10, e: -GRID[:, 1]})


def test_attributes() -> None:
    assert (len(PIXELS), PIXELS.points, PIXELS.measure) == (20, 20, 20.0)
    assert (PIXELS.domain, PIXELS.dimension, PIXELS.has_normals) == (None, 0, False)
    assert PIXELS.data == (d, e)
    assert PIXELS.values.dtype == np.float64
    assert not PIXELS.is_empty()
    np.testing.assert_array_equal(PIXELS.bounds, [[0, 4], [0, 3]])
    assert PointSet(x, [[1], [2]]).coordinates == (x,)


def test_samples_keep_data_with_their_points() -> None:
    sample = PIXELS.sample(7, seed=3)
    assert len(np.unique(sample.values, axis=0)) == 7
    np.testing.assert_array_equal(sample.data[d], sample.values[:, 0] * 10)
    np.testing.assert_array_equal(sample.data[e], -sample.values[:, 1])
    np.testing.assert_array_equal(sample.values, PIXELS.sample(7, seed=3).values)
    assert not np.array_equal(sample.values, PIXELS.sample(7, seed=4).values)
    chosen = sum(np.isin(GRID @ [10, 1], PIXELS.sample(5, seed=s).values @ [10, 1]) for s in range(800))
    np.testing.assert_allclose(chosen / 800, 1 / 4, atol=0.07)
    for n in (20, 500):
        everything = PIXELS.sample(n)
        np.testing.assert_array_equal(everything.values, GRID)
        assert everything.values.flags.writeable
        assert everything.data[d].flags.writeable


def test_equality_is_by_content_and_arrays_cannot_change() -> None:
    again = PointSet((x, y), GRID.copy(), data={d: GRID[:, 0] * 10, e: -GRID[:, 1]})
    assert again == PIXELS
    assert hash(again) == hash(PIXELS)
    rebuilt = PointSet(*(getattr(PIXELS, f.name) for f in dataclasses.fields(PIXELS)))
    assert rebuilt == PIXELS
    for other in (PointSet((x, y), GRID), PointSet((y, x), GRID, data=PIXELS.columns),
                  PointSet((x, y), GRID, data={d: GRID[:, 0] * 10, e: GRID[:, 1] + 1})):
        assert other != PIXELS
    assert PointSet((x, y), [[-0.0, 1]]) == PointSet((x, y), [[0.0, 1]])
    with pytest.raises(ValueError, match="read-only"):
        PIXELS.values[0, 0] = 7
    source = GRID.copy()
    made = PointSet((x, y), source)
    source[0] = 99
    assert made == PointSet((x, y), GRID)


def test_contains_where_and_normals() -> None:
    assert PIXELS.contains([[1.0, 2.0], [1.0, 2.1]]).tolist() == [True, False]
    assert PIXELS.contains([[1.0, 2.1]], 0.2).all()
    right = PIXELS.where((x > 1) & sympy.Eq(e, -2))
    np.testing.assert_array_equal(right.values, [[2, 2], [3, 2], [4, 2]])
    np.testing.assert_array_equal(dict(right.columns)[d], [20, 30, 40])
    angles = np.linspace(0, 6, 50)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    oriented = PointSet((x, y), 2 * circle, normals=circle)
    np.testing.assert_array_equal(oriented.normals_at(2 * circle[[3, 1]]), circle[[3, 1]])
    np.testing.assert_allclose(2 * oriented.sample(9).normals, oriented.sample(9).values)
    assert (oriented.where(x > 0).normals[:, 0] > 0).all()
    with pytest.raises(DomainError, match="has no normals; give them"):
        PIXELS.normals_at(GRID)
    with pytest.raises(DomainError, match="holds at none of the points"):
        PIXELS.where(x > 5)
    with pytest.raises(DomainError, match="uses z; the region has x, y, d, e"):
        PIXELS.where(sympy.Symbol("z") > 0)


def holed(values: np.ndarray, row: int, hole: float) -> np.ndarray:
    copy = np.array(values, dtype=float)
    copy[row] = hole
    return copy


@pytest.mark.parametrize("arguments, match", [
    (((x, y), GRID[:, :1]), r"shape \(20, 1\); expected \(n, 2\)"),
    (((x, y), GRID.T), r"shape \(2, 20\); expected \(n, 2\)"),
    (((x, y), np.zeros((0, 2))), "was given no point"),
    (((x, y), [["a", 0]]), "not an array of real numbers"),
    (((x, y), np.stack([GRID[:, 0], holed(GRID[:, 1], 6, np.nan)], axis=1)), r"coordinate y is nan in row 6 \(1 such"),
    (((x, y), GRID, {d: holed(GRID[:, 0], 3, np.inf)}), "data column d is inf in row 3"),
    (((x, y), GRID, {d: GRID}), r"data column d has shape \(20, 2\); expected \(20,\)"),
    (((x, y), GRID, {d: GRID[1:, 0]}), r"has shape \(19,\)"),
    (((x, y), GRID, {d: ["a"] * 20}), "data column d is not an array of real numbers"),
    (((x, y), GRID, {"d": GRID[:, 0]}), "has the key 'd'; expected a symbol made by ps.Data"),
    (((x, y), GRID, {sympy.Symbol("d"): GRID[:, 0]}), "expected a symbol made by ps.Data"),
    (((x, y), GRID, {}, GRID), "the normal in row 0 has length 0"),
    (((x, y), GRID, {}, np.full((20, 2), 1.0)), r"has length 1.41421 \(20 such rows\); expected unit vectors"),
    (((x, y), GRID, {}, np.full((20, 2), np.nan)), "the normal in row 0 has length nan"),
    (((x, y), GRID, {}, GRID[:3]), r"normals have shape \(3, 2\)"),
])
def test_bad_data(arguments: tuple, match: str) -> None:
    with pytest.raises(DataError, match=match):
        PointSet(*arguments)


def test_bad_coordinates_and_requests() -> None:
    with pytest.raises(DomainError, match="names a coordinate twice"):
        PointSet((x, x), GRID)
    with pytest.raises(DomainError, match="expected symbols"):
        PointSet(("x", "y"), GRID)
    with pytest.raises(DomainError, match="n is 0"):
        PIXELS.sample(0)
