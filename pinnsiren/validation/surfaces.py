"""How far a surface is from the true one, and a field from its distance: a good surface does not imply a good distance."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Array, Mask
from pinnsiren.signals.distances import nearest_distances
from pinnsiren.signals.points import FEWEST, PointCloud

Between = Literal["discs", "points"]

NEAR = 0.1  # of the box's half-width: what is further than that is the far field


@dataclass(frozen=True)
class SurfaceErrors:
    """Two surfaces A and B compared, in the unit of their coordinates.

    Args:
        chamfer: ½ (mean_a d(a, B) + mean_b d(b, A)); distances, not their squares, as in DiGS and HotSpot.
        hausdorff: the largest of these distances.
        normal_consistency: mean |n_a · n_b| of nearest points, both ways; 1 at best, ½ for unrelated directions.
    """

    chamfer: float
    hausdorff: float
    normal_consistency: float


@dataclass(frozen=True)
class FieldErrors:
    """A field beside the true signed distance.

    Args:
        rmse: root mean square of u − d over all places. far: over those with |d| > 0.1.
        slope: mean |1 − ‖∇u‖|, dimensionless.
        wrong_side: share of the places where u and d have different signs.
    """

    rmse: float
    far: float
    slope: float
    wrong_side: float


def compare_surfaces(found: tuple[ArrayLike, ArrayLike], true: tuple[ArrayLike, ArrayLike], *,
                     between: Between = "discs") -> SurfaceErrors:
    """Two surfaces by points (n, d) and unit normals (n, d) on each, d = 2 or 3.

    Args:
        between: "discs": the distance from a surface is that from the bent discs around its points, see
            :func:`~pinnsiren.signals.distances.nearest_distances`. "points": from the points alone, as papers have it; even
            for equal surfaces that is about half of the points' spacing, 0.007 for 30 000 points on a torus of area 6.

    Raises:
        ReferenceError: shapes that do not agree, or fewer than ten points.
    """
    a, b = _checked(*found), _checked(*true)
    if a.dimension != b.dimension:
        raise ReferenceError(f"one surface has points in {a.dimension} dimensions, the other in {b.dimension}.")
    if between not in get_args(Between):
        raise ReferenceError(f"between={between!r} is not known; choose one of {', '.join(get_args(Between))}.")
    distances, cosines = [], []
    for one, other in ((a, b), (b, a)):
        assert one.normals is not None and other.normals is not None
        far, near = (found[:, 0] for found in other.nearest(one.points, 1))
        distances.append(far if between == "points" else np.abs(nearest_distances(other, one.points).values))
        cosines.append(float(np.abs(np.einsum("ni,ni->n", one.normals, other.normals[near])).mean()))
    return SurfaceErrors(chamfer=float(np.mean([d.mean() for d in distances])),
                         hausdorff=float(max(d.max() for d in distances)), normal_consistency=float(np.mean(cosines)))


def intersection_over_union(inside_found: Mask, inside_true: Mask) -> float:
    """Volume of the intersection over that of the union, from the same even places (n,) for both; dimensionless.

    Raises:
        ReferenceError: shapes that do not agree, or no place in either body.
    """
    a, b = np.asarray(inside_found, dtype=bool), np.asarray(inside_true, dtype=bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ReferenceError(f"insides of shapes {a.shape} and {b.shape}; give one truth value for each of the same places.")
    if not (a | b).any():
        raise ReferenceError("no place is inside of either body, so there is nothing to compare; take more places.")
    return float((a & b).sum() / (a | b).sum())


def compare_distances(values: ArrayLike, slopes: ArrayLike, true: ArrayLike) -> FieldErrors:
    """A field's values (n,) and gradients (n, d) beside the true distance (n,), at places that fill the box.

    Raises:
        ReferenceError: shapes that do not agree, or no place further than 0.1 from the surface.
    """
    u, g, d = (np.asarray(a, dtype=float) for a in (values, slopes, true))
    if u.ndim != 1 or u.shape != d.shape or g.ndim != 2 or len(g) != len(u):
        raise ReferenceError(f"values {u.shape}, slopes {g.shape}, distances {d.shape}; expected (n,), (n, d), (n,).")
    far = np.abs(d) > NEAR
    if not far.any():
        raise ReferenceError(f"no place is further than {NEAR} from the surface; give places all over the box.")

    def rms(error: Array) -> float:
        return float(np.sqrt(np.mean(error**2)))

    return FieldErrors(rmse=rms(u - d), far=rms((u - d)[far]), slope=float(np.abs(1 - np.linalg.norm(g, axis=1)).mean()),
                       wrong_side=float(np.mean((u < 0) != (d < 0))))


def _checked(points: ArrayLike, normals: ArrayLike) -> PointCloud:
    p, n = np.asarray(points, dtype=float), np.asarray(normals, dtype=float)
    if p.ndim != 2 or p.shape[1] not in (2, 3) or len(p) < FEWEST or p.shape != n.shape:
        raise ReferenceError(f"a surface of points {p.shape} and normals {n.shape}; expected (n, 2) or (n, 3) of both, "
                             f"n ≥ {FEWEST}.")
    return PointCloud("surface", p, n, np.zeros(p.shape[1]), 1.0)
