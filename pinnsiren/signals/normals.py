"""Normals of a point cloud that has none: planes through neighbours, turned alike from each to the next."""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from pinnsiren.errors import DataError
from pinnsiren.sampling import Array
from pinnsiren.signals.points import FEWEST, PointCloud

NEIGHBOURS = 12  # through which a plane is laid; more smooth edges away, fewer follow noise
_ZERO = 1e-6  # sparse graphs drop edges of weight 0


def with_estimated_normals(cloud: PointCloud, neighbours: int = NEIGHBOURS) -> PointCloud:
    """The cloud with a unit normal at each point, outward where its points surround a body.

    The normal is the direction in which a point and its nearest neighbours spread least. Its sign is carried along the
    spanning tree of the neighbourhood graph on which neighbouring normals differ least (edge weights 1 − |n_i·n_j|), and each
    connected piece is turned so that it encloses a positive volume, Σ n_i·(x_i − x̄) > 0.

    It fails where two sheets are closer than points in each of them, and on pieces that lie inside others.

    Raises:
        DataError: fewer neighbours than dimensions.
    Reference: Hoppe et al., Surface reconstruction from unorganized points, SIGGRAPH 1992.
    """
    if not isinstance(neighbours, int) or neighbours < cloud.dimension + 1 or len(cloud) < FEWEST:
        raise DataError(f"neighbours={neighbours!r} for {len(cloud)} points; give at least {cloud.dimension + 1}, fewer than "
                        "there are points.")
    k = min(neighbours, len(cloud) - 1)
    near = cloud.nearest(cloud.points, k + 1)[1]
    local = cloud.points[near]
    local = local - local.mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", local, local))
    normals = axes[:, :, 0]
    return replace(cloud, normals=normals * _signs(cloud.points, normals, near[:, 1:])[:, None])


def _signs(points: Array, normals: Array, near: NDArray[np.intp]) -> Array:
    """±1 for each point, so that normals of neighbours agree and each piece encloses a positive volume."""
    n, k = near.shape
    rows, columns = np.repeat(np.arange(n), k), near.ravel()
    cosines = np.einsum("ni,ni->n", normals[rows], normals[columns])
    graph = sp.csr_array((1 - np.abs(cosines) + _ZERO, (rows, columns)), shape=(n, n))
    graph = graph.maximum(graph.T)
    tree = minimum_spanning_tree(graph)
    tree = tree + tree.T
    count, piece = connected_components(tree, directed=False)
    signs = np.ones(n)
    for number in range(count):
        members = np.flatnonzero(piece == number)
        order, parents = breadth_first_order(tree, members[0], directed=False)
        turn = np.einsum("ni,ni->n", normals[order[1:]], normals[parents[order[1:]]]) < 0
        for i, parent, turned in zip(order[1:].tolist(), parents[order[1:]].tolist(), turn.tolist(), strict=True):
            signs[i] = -signs[parent] if turned else signs[parent]
        middle = points[members].mean(axis=0)
        if (signs[members, None] * normals[members] * (points[members] - middle)).sum() < 0:
            signs[members] *= -1
    return signs
