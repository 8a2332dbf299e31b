"""The zero set of a function on a box, cut into simplices: marching simplices in any dimension."""

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from pinnsiren.sampling import Array, Mask

Function = Callable[[Array], Array]
Index = NDArray[np.intp]

_HALVINGS = 48  # of an edge of the grid: to rounding


def zero_set(function: Function, bounds: Array, cells: int) -> Array:
    """Simplices whose corners lie on f = 0 and which follow it within O(h²), h the width of a cell.

    Every cell of the grid is cut into d! simplices (Kuhn's), and each of these by a plane between its corners with f < 0 and
    those with f ≥ 0. What passes through no edge of the grid, being smaller than a cell, is not seen.

    Args:
        function: points (n, d) to values (n,); nan counts as positive.
        bounds: (d, 2) of the box.
        cells: along each coordinate.
    Returns:
        (m, d, d): d corners of each; m = 0 if f has one sign.
    """
    axes = [np.linspace(a, b, cells + 1) for a, b in bounds]
    nodes = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
    inside = function(nodes) < 0
    crossed = [_cuts(simplices, inside) for simplices in _simplices(inside, cells, len(bounds))]
    edges = np.concatenate([cut for cuts in crossed for cut in cuts] or [np.empty((0, len(bounds), 2), dtype=np.intp)])
    pairs, places = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    corners = _crossings(function, nodes[pairs[:, 0]], nodes[pairs[:, 1]])
    return corners[places.reshape(edges.shape[:2])]


def _simplices(inside: Mask, cells: int, d: int) -> Iterator[Index]:
    """For each of Kuhn's d! simplices of a cell, its nodes (n, d + 1) in all the cells where f changes sign."""
    shape = (cells + 1,) * d
    signs = inside.reshape(shape)
    count = sum(signs[tuple(slice(k, cells + k) for k in corner)].astype(np.int8) for corner in product((0, 1), repeat=d))
    first = np.ravel_multi_index(np.nonzero((count > 0) & (count < 2**d)), shape)
    strides = (cells + 1) ** np.arange(d - 1, -1, -1)
    for order in permutations(range(d)):
        yield first[:, None] + np.concatenate([[0], np.cumsum(strides[list(order)])])


def _cuts(simplices: Index, inside: Mask) -> Iterator[Index]:
    """The edges (m, d, 2), from inside out, whose crossings are the corners of the simplices' cuts."""
    d = simplices.shape[1] - 1
    within = inside[simplices]
    counts = within.sum(axis=1)
    for k in range(1, d + 1):
        chosen = counts == k
        order = np.argsort(~within[chosen], axis=1, kind="stable")
        sorted_nodes = np.take_along_axis(simplices[chosen], order, axis=1)
        # the cut is the product of the simplices of k inner and of d + 1 − k outer nodes: staircases triangulate that
        for path in _staircases(k, d + 1 - k):
            yield np.stack([sorted_nodes[:, [i for i, _ in path]], sorted_nodes[:, [k + j for _, j in path]]], axis=2)


def _staircases(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """All monotone lattice paths from (0, 0) to (rows − 1, columns − 1)."""
    if rows == 1:
        return [[(0, j) for j in range(columns)]]
    if columns == 1:
        return [[(i, 0) for i in range(rows)]]
    end = (rows - 1, columns - 1)
    return [[*path, end] for path in _staircases(rows - 1, columns) + _staircases(rows, columns - 1)]


def _crossings(function: Function, inner: Array, outer: Array) -> Array:
    """Where f changes sign between points with f < 0 and points with f ≥ 0, by bisection."""
    for _ in range(_HALVINGS if len(inner) else 0):
        middle = (inner + outer) / 2
        below = (function(middle) < 0)[:, None]
        inner, outer = np.where(below, middle, inner), np.where(below, outer, middle)
    return outer
