"""How far a surface is from the true one, and a field from its distance: a good surface does not imply a good distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Array, Mask
from pinnsiren.signals.points import nearest

NEAR = 0.1  # of the box's half-width: what is further than that is the far field


@dataclass(frozen=True)
class SurfaceErrors:
    """Two surfaces A and B compared, in the unit of their coordinates.

    Args:
        chamfer: ½ (mean_a min_b |a − b| + mean_b min_a |a − b|); distances, not their squares, as in DiGS and HotSpot. Even for
            equal surfaces it is about half of the spacing of the points on each.
        hausdorff: the largest of these distances; of random points, so a little too large or too small.
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


def compare_surfaces(found: tuple[ArrayLike, ArrayLike], true: tuple[ArrayLike, ArrayLike]) -> SurfaceErrors:
    """Two surfaces by points (n, d) and unit normals (n, d) on each.

    Raises:
        ReferenceError: no points, or shapes that do not agree.
    """
    (a, normals_a), (b, normals_b) = (_checked(*s) for s in (found, true))
    if a.shape[1] != b.shape[1]:
        raise ReferenceError(f"one surface has points in {a.shape[1]} dimensions, the other in {b.shape[1]}.")
    there, nearest_b = (found[:, 0] for found in nearest(cKDTree(b), a, 1))
    back, nearest_a = (found[:, 0] for found in nearest(cKDTree(a), b, 1))
    consistency = [np.abs(np.einsum("ni,ni->n", normals_a, normals_b[nearest_b])).mean(),
                   np.abs(np.einsum("ni,ni->n", normals_b, normals_a[nearest_a])).mean()]
    return SurfaceErrors(chamfer=float(there.mean() + back.mean()) / 2, hausdorff=float(max(there.max(), back.max())),
                         normal_consistency=float(np.mean(consistency)))


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


def _checked(points: ArrayLike, normals: ArrayLike) -> tuple[Array, Array]:
    p, n = np.asarray(points, dtype=float), np.asarray(normals, dtype=float)
    if p.ndim != 2 or not len(p) or p.shape != n.shape:
        raise ReferenceError(f"a surface of points {p.shape} and normals {n.shape}; expected (n, d) of both, n ≥ 1.")
    return p, n
