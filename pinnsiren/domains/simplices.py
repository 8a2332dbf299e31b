"""Segments, triangles, tetrahedra: one equal-measure chart for many of them."""

import math

import numpy as np
from numpy.typing import NDArray

from pinnsiren.sampling import Array, Chart


def simplex_chart(corners: Array, measures: Array, normals: Array | None = None) -> Chart:
    """One chart of dimension k for m simplices with k + 1 corners each.

    The first unit coordinate runs through the simplices, each with a share as large as its measure; what is left of it
    and the others are mapped to the simplex with equal measure. Neighbours follow one another where they can (Morton's
    order), so that evenly spread unit points are evenly spread over the whole.

    Args:
        corners: (m, k + 1, d), k ≥ 1.
        measures: (m,) of the simplices, not negative, in the coordinates' units to the k.
        normals: (m, d), one for each simplex.
    """
    order = _morton(corners.mean(axis=1))
    corners, measures, normals = corners[order], measures[order], None if normals is None else normals[order]
    k, ends = corners.shape[1] - 1, np.cumsum(measures)

    def place(unit: Array) -> tuple[Array, Array | None]:
        along = unit[:, 0] * ends[-1]
        chosen = np.minimum(np.searchsorted(ends, along, side="right"), _last(measures))
        share = (along - (ends[chosen] - measures[chosen])) / measures[chosen]
        inner = np.hstack([np.clip(share, 0.0, 1.0)[:, None], unit[:, 1:]])
        points = np.einsum("nk,nkd->nd", barycentric(inner), corners[chosen])
        return points, None if normals is None else normals[chosen]

    return Chart(k, float(ends[-1]), place)


def barycentric(unit: Array) -> Array:
    """The equal-measure map from the unit cube [0, 1]^k to barycentric coordinates of a simplex.

    What is left for the corners after the j-th is the j-th share u_j^(1/(k−j)) of what was left before it: the part of a
    simplex beyond a fraction s of its height is s^k of it.

    Args:
        unit: (n, k).
    Returns:
        (n, k + 1) not negative, each row of sum 1.
    """
    n, k = unit.shape
    weights, left = np.empty((n, k + 1)), np.ones(n)
    for j in range(k):
        rest = left * unit[:, j] ** (1 / (k - j))
        weights[:, j] = left - rest
        left = rest
    weights[:, k] = left
    return weights


def normal_vectors(corners: Array) -> Array:
    """Vectors across simplices with d corners in ℝ^d, as long as their measures; their sense is that of the corners' order.

    Args:
        corners: (m, d, d).
    Returns:
        (m, d): the cross product of the d − 1 edges from the first corner, over (d − 1)!.
    """
    d = corners.shape[1]
    edges = corners[:, 1:] - corners[:, :1]
    minors = [(-1) ** i * np.linalg.det(np.delete(edges, i, axis=2)) for i in range(d)]
    return np.stack(minors, axis=1) / math.factorial(d - 1)


def _morton(points: Array) -> NDArray[np.intp]:
    """The order of points (m, d) along a curve that fills space: by the interleaved binary digits of their coordinates."""
    d = points.shape[1]
    digits = 60 // d
    extent = np.ptp(points, axis=0)
    places = ((points - points.min(axis=0)) / np.where(extent > 0, extent, 1.0) * (2**digits - 1)).astype(np.int64)
    keys = np.zeros(len(points), dtype=np.int64)
    for digit in reversed(range(digits)):
        for axis in range(d):
            keys = keys << 1 | places[:, axis] >> digit & 1
    return np.argsort(keys, kind="stable")


def _last(measures: Array) -> NDArray[np.intp]:
    """The last simplex that is not empty: where rounding beyond the end belongs."""
    return np.flatnonzero(measures)[-1]
