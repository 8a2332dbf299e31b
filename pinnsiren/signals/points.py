"""Point clouds as data: centred, scaled into [−1, 1]^d with a margin, with unit normals where they are known."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from pinnsiren.domains.pointset import PointSet
from pinnsiren.errors import DataError
from pinnsiren.sampling import Array, Mask
from pinnsiren.signals.point_files import read_file
from pinnsiren.symbols import Data

Outliers = Literal["drop", "keep"]

MARGIN = 0.1  # of the half-width of [−1, 1]^d: the surface stays clear of the walls
FEWEST = 10
FLAT = 1e-6  # thickness over length below which a cloud is one point, a line or a plane
NEIGHBOURS = 6  # to which distances tell how dense a cloud is around a point
FAR = 12.0  # times the median of that distance: an outlier. Of 1e6 even random points on a surface none is beyond 5
LEAF = 32  # points in a cell of a tree that are looked through one by one; with 16 a search from afar takes a third longer
MOST_BAD = 0.5  # share of the normals that may be missing before none can be trusted


class PointCloudWarning(UserWarning):
    """Points that were left out, or a mesh with holes: the rest is used."""


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points of a surface in [−1, 1]^d; x = (original − centre) / scale, the same scale along all coordinates.

    Made by :func:`point_cloud` from arrays and by :func:`read_points` from files.

    Args:
        name: of the source.
        points: (n, d) float64, d = 2 or 3, dimensionless.
        normals: (n, d) outward unit vectors, or None.
        centre: (d,) the middle of the bounding box, in the source's unit.
        scale: the length of one unit of these points in the source's unit.
    """

    name: str
    points: Array
    normals: Array | None
    centre: Array
    scale: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def dimension(self) -> int:
        """d."""
        return int(self.points.shape[1])

    @cached_property
    def _tree(self) -> cKDTree:
        return search_tree(self.points)

    def nearest(self, places: Array, k: int) -> tuple[Array, NDArray[np.intp]]:
        """The k points of the cloud (all, if it has fewer) nearest to places (n, d): distances and numbers, (n, k) each."""
        return nearest(self._tree, places, min(k, len(self)))

    @cached_property
    def spacing(self) -> float:
        """The median distance to the nearest other point, dimensionless."""
        return float(np.median(self.nearest(self.points, 2)[0][:, 1]))

    def original(self, points: ArrayLike) -> Array:
        """Points (n, d) of [−1, 1]^d in the source's coordinates and unit."""
        return np.asarray(points, dtype=float) * self.scale + self.centre

    def scaled(self, points: ArrayLike) -> Array:
        """Points (n, d) in the source's coordinates as this cloud has them: the inverse of :meth:`original`."""
        return (np.asarray(points, dtype=float) - self.centre) / self.scale

    def subset(self, rows: ArrayLike) -> "PointCloud":
        """Some of the points, by their places or a mask, in the same frame."""
        chosen = np.asarray(rows)
        return replace(self, points=self.points[chosen], normals=None if self.normals is None else self.normals[chosen])

    def thinned(self, n: int, seed: int = 0) -> "PointCloud":
        """n points drawn at random; all where there are no more."""
        if n >= len(self):
            return self
        return self.subset(np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False)))

    def with_noise(self, deviation: float, seed: int = 0) -> "PointCloud":
        """Points moved by Gaussian noise of a standard deviation (dimensionless) along each coordinate; the same normals."""
        if not (isinstance(deviation, (int, float)) and deviation >= 0):
            raise DataError(f"noise of standard deviation {deviation!r}; give a number ≥ 0, in units of [−1, 1]^d.")
        noise = np.random.default_rng(seed).normal(0.0, deviation, self.points.shape)
        return replace(self, points=self.points + noise)

    def without_normals(self) -> "PointCloud":
        """The points alone, as many scanners give them."""
        return replace(self, normals=None)

    def point_set(self, coordinates: Iterable[sympy.Symbol], data: Mapping[Data, ArrayLike] | None = None) -> PointSet:
        """The region of a problem: these points with their normals, which equations call ``ps.Normal(x)``."""
        return PointSet(coordinates, self.points, data or {}, self.normals)


def point_cloud(points: ArrayLike, normals: ArrayLike | None = None, *, name: str = "points", margin: float = MARGIN,
                outliers: Outliers = "drop") -> PointCloud:
    """A cloud from arrays.

    Points with a normal that is zero or not finite are left out with a warning, and of points at one place all but the first;
    normals are divided by their length.
    Points that lie alone are outliers: their mean distance to their six nearest neighbours is more than 12 times the median.
    They would shift and shrink all others. By default they are left out with a warning.

    Args:
        points: (n, 2) or (n, 3), in any unit.
        normals: (n, d), outward, of any length; None where they are not known.
        margin: left free around the points, as a part of the half-width of [−1, 1]^d; 0 ≤ margin < 1.
        outliers: "drop" or "keep".

    Raises:
        DataError: shapes that do not agree, fewer than ten points, coordinates that are not finite, points that are all
            equal, on one line or (in three dimensions) in one plane; normals half of which are zero.
    """
    if not (isinstance(margin, (int, float)) and 0 <= margin < 1):
        raise DataError(f"margin={margin!r}; give a part of the half-width, 0 ≤ margin < 1, such as 0.1.")
    if outliers not in get_args(Outliers):
        raise DataError(f"outliers={outliers!r} is not known; choose one of {', '.join(get_args(Outliers))}.")
    values = _points(points, name)
    _require_extent(values, name)
    directions = None
    if normals is not None:
        directions, good = _unit_normals(values, np.asarray(normals, dtype=float), name)
        values, directions = _kept(values, directions, good, f"{name}: {{}} have a normal that is zero or not finite and were "
                                                             "left out.")
    values, directions = _kept(values, directions, _first(values), f"{name}: {{}} lie where others are and were left out.")
    if outliers == "drop":
        values, directions = _kept(values, directions, ~_alone(values), f"{name}: {{}} lie far from all others and were left "
                                                                        "out; outliers='keep' keeps them.")
    _require_extent(values, name)
    low, high = values.min(axis=0), values.max(axis=0)
    centre, scale = (low + high) / 2, float((high - low).max()) / 2 / (1 - margin)
    return PointCloud(name, (values - centre) / scale, directions, centre, scale)


def read_points(source: str | Path, *, samples: int = 100_000, seed: int = 0, margin: float = MARGIN,
                outliers: Outliers = "drop") -> PointCloud:
    """A cloud from a file: points as they are, of a mesh points drawn evenly by area with the triangles' normals.

    Text (.xyz, .txt, .csv, .pts, .asc) has the columns x y z or x y z nx ny nz, or in the plane x y; separated by blanks or
    commas. PLY, OBJ, STL, OFF and the like need the extra ``mesh`` (trimesh).

    Args:
        samples: points on a mesh; a file of points is used whole.
        seed, margin, outliers: see :func:`point_cloud`.

    Raises:
        DataError: a file that is missing, empty or cannot be read; a mesh without area; and what :func:`point_cloud` refuses.
    """
    found = read_file(Path(source), samples, seed)
    if found.holes:
        warnings.warn(f"{source} is not closed: {found.holes} of its edges have one triangle. Its points and normals are used, "
                      "but where its inside is follows from them alone, and its volume is not known.",
                      PointCloudWarning, stacklevel=2)
    return point_cloud(found.points, found.normals, name=Path(source).name, margin=margin, outliers=outliers)


def search_tree(points: Array) -> cKDTree:
    """A tree in which points (n, d) of a surface are found from places far from it, too.

    scipy bounds distances by the sides of cells and not by the points in them. Cells cut along their own longest side stay like
    cubes; cut where their points spread most, as is the default, those of an oblique plane become long, and a search from
    afar opens four times as many.
    """
    return cKDTree(points, leafsize=LEAF, compact_nodes=False)


def nearest(tree: cKDTree, places: Array, k: int) -> tuple[Array, NDArray[np.intp]]:
    """The k points of a tree nearest to places (n, d): distances and numbers, (n, k) each, on all cores."""
    found = tree.query(places, np.arange(1, k + 1), workers=-1)
    return np.asarray(found[0], dtype=float), np.asarray(found[1], dtype=np.intp)


def _points(given: ArrayLike, name: str) -> Array:
    try:
        values = np.array(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: the points are not an array of real numbers ({error}).") from None
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise DataError(f"{name}: points of shape {values.shape}; expected (n, 3), or (n, 2) in the plane.")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise DataError(f"{name}: the point in row {bad[0]} is {values[bad[0]].tolist()} ({len(bad)} such rows); expected "
                        "finite numbers: remove those rows, or mend the file.")
    return values


def _unit_normals(points: Array, normals: Array, name: str) -> tuple[Array, Mask]:
    """Normals of length one where they are good, and where they are."""
    if normals.shape != points.shape:
        raise DataError(f"{name}: normals of shape {normals.shape} for points of shape {points.shape}; give one for each.")
    length = np.linalg.norm(normals, axis=1)
    good = np.isfinite(length) & (length > 0)
    bad = int((~good).sum())
    if bad > MOST_BAD * len(points):
        raise DataError(f"{name}: {bad} of {len(points)} normals are zero or not finite; leave the normals out, or mend them.")
    return normals / np.where(good, length, 1.0)[:, None], good


def _kept(points: Array, normals: Array | None, good: Mask, warning: str) -> tuple[Array, Array | None]:
    """The good points with their normals; and a warning that counts the others."""
    if good.all():
        return points, normals
    warnings.warn(warning.format(f"{int((~good).sum())} of {len(good)} points"), PointCloudWarning, stacklevel=3)
    return points[good], None if normals is None else normals[good]


def _first(points: Array) -> Mask:
    """Whether each of points (n, d) is the first at its place."""
    first = np.zeros(len(points), dtype=bool)
    first[np.unique(points, axis=0, return_index=True)[1]] = True
    return first


def _alone(points: Array) -> Mask:
    """The outliers among points (n, d)."""
    k = min(NEIGHBOURS, len(points) - 1)
    mean = nearest(search_tree(points), points, k + 1)[0][:, 1:].mean(axis=1)
    typical = float(np.median(mean))
    return mean > FAR * typical if typical > 0 else np.zeros(len(points), dtype=bool)


def _require_extent(points: Array, name: str) -> None:
    if len(points) < FEWEST:
        raise DataError(f"{name}: {len(points)} points; expected at least {FEWEST}, a surface cannot be told from fewer.")
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    rank = int((spread > FLAT * spread[0]).sum()) if spread[0] > 0 else 0
    if rank < points.shape[1]:
        shape = ("all its points are equal", "its points lie on one line", "its points lie in one plane")[rank]
        raise DataError(f"{name}: {shape}; expected points around a body of {points.shape[1]} dimensions.")
