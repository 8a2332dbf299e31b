"""Whether closed polygons bound a domain: no repeated vertices, no edges that cross or touch, holes inside."""

from collections.abc import Sequence

import numpy as np

from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Mask

Pair = tuple[Array, Array]

_TOUCH = 1e-10  # of the polygon's size: edges as near as this touch
_AT_ONCE = 2**16  # pairs of edges compared together: they fit in a cache


def signed_area(corners: Array) -> float:
    """The area of a polygon (n, 2), positive if its vertices run anticlockwise."""
    x, y = (corners - corners[0]).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def edges_of(rings: Sequence[Array]) -> Array:
    """(m, 2, 2) start and end of every edge of closed polygons (n, 2)."""
    return np.concatenate([np.stack([ring, np.roll(ring, -1, axis=0)], axis=1) for ring in rings])


def encloses(edges: Array, points: Array) -> Mask:
    """Whether rays to the right from points (n, 2) cross an odd number of edges; a vertex counts with its upper edge."""
    (x0, y0), (x1, y1) = edges[:, 0].T, edges[:, 1].T
    x, y = points[:, :1], points[:, 1:]
    spans = (y0 <= y) != (y1 <= y)
    turn = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
    crossed = spans & (turn != 0) & ((turn < 0) == (y1 < y0))
    return crossed.sum(axis=1) % 2 == 1


def squared_distances(points: Array, edges: Array) -> Array:
    """(n, m) squares of the distances from points (n, 2) to edges (m, 2, 2), of positive length."""
    (x0, y0), (along_x, along_y) = edges[:, 0].T, (edges[:, 1] - edges[:, 0]).T
    x, y = points[:, :1] - x0, points[:, 1:] - y0
    share = (x * along_x + y * along_y) / (along_x**2 + along_y**2)
    np.clip(share, 0.0, 1.0, out=share)
    x -= share * along_x
    y -= share * along_y
    return x**2 + y**2


def check_rings(rings: Sequence[Array]) -> None:
    """Refuse closed polygons (n, 2), the first the outer one and the others holes, that do not bound a domain.

    Raises:
        DomainError: repeated vertices, edges that cross or touch, no area, or a hole that is not inside.
    """
    names = ["the polygon", *(f"hole {i}" for i in range(len(rings) - 1))]
    size = float(np.ptp(rings[0], axis=0).max())
    for name, ring in zip(names, rings, strict=True):
        _check_vertices(name, ring)
        if np.linalg.svd(ring - ring.mean(axis=0), compute_uv=False)[1] <= _TOUCH * size:
            raise DomainError(f"{name} has no area: its vertices lie on one line.")
    _check_edges(names, rings, _TOUCH * size)
    for i, hole in enumerate(rings[1:]):
        if not encloses(edges_of(rings[:1]), hole[:1]).any():
            raise DomainError(f"hole {i} is not inside the polygon: its vertex {_text(hole[0])} is outside.")
        for j, other in enumerate(rings[1:]):
            if i != j and encloses(edges_of([other]), hole[:1]).any():
                raise DomainError(f"hole {i} is inside hole {j}; leave it out, or add it as a domain: polygon | Polygon(…).")


def _check_vertices(name: str, ring: Array) -> None:
    _, first, which = np.unique(ring, axis=0, return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[which.ravel()] != np.arange(len(ring)))
    if len(repeated):
        j = int(repeated[0])
        i = int(first[which.ravel()[j]])
        hint = "leave the closing one out" if (i, j) == (0, len(ring) - 1) else "give every vertex once"
        raise DomainError(f"vertices {i} and {j} of {name} are the same, {_text(ring[i])}; {hint}.")


def _check_edges(names: Sequence[str], rings: Sequence[Array], touch: float) -> None:
    starts, ends = edges_of(rings).transpose(1, 0, 2)
    labels = [(name, k) for name, ring in zip(names, rings, strict=True) for k in range(len(ring))]
    offsets = np.cumsum([0, *map(len, rings[:-1])])
    before = np.concatenate([np.roll(np.arange(len(ring)), 1) + o for ring, o in zip(rings, offsets, strict=True)])
    size = max(1, _AT_ONCE // len(starts))
    for first in range(0, len(starts), size):
        chosen = np.arange(first, min(first + size, len(starts)))
        near = squared_distances(starts[chosen], edges_of(rings)) <= touch**2
        # a vertex is on the edge that starts there and on the one that ends there
        near[np.arange(len(chosen)), chosen] = near[np.arange(len(chosen)), before[chosen]] = False
        found = np.argwhere(near | _crosses(starts[chosen], ends[chosen], starts, ends))
        if len(found):
            a, b = labels[chosen[found[0][0]]], labels[found[0][1]]
            raise DomainError(_message(a, b, dict(zip(names, rings, strict=True))))


def _message(a: tuple[str, int], b: tuple[str, int], rings: dict[str, Array]) -> str:
    def edge(label: tuple[str, int]) -> str:
        name, k = label
        ring = rings[name]
        return f"edge {k} of {name}, from {_text(ring[k])} to {_text(ring[(k + 1) % len(ring)])}"

    return f"{edge(a)}, crosses or touches {edge(b)}; expected edges that meet only at their common vertices."


def _crosses(a: Array, b: Array, c: Array, d: Array) -> Mask:
    """Whether edges a–b (m, 2) cross edges c–d (n, 2) at inner points of both: (m, n)."""
    (ax, ay), (bx, by) = a.T[..., None], b.T[..., None]
    (cx, cy), (dx, dy) = c.T, d.T

    def apart(ux: Array, uy: Array, first: Pair, second: Pair) -> Mask:
        """Whether the turns u × first and u × second have different signs."""
        return (ux * first[1] - uy * first[0]) * (ux * second[1] - uy * second[0]) < 0

    return (apart(bx - ax, by - ay, (cx - ax, cy - ay), (dx - ax, dy - ay))
            & apart(dx - cx, dy - cy, (ax - cx, ay - cy), (bx - cx, by - cy)))


def _text(point: Array) -> str:
    return f"({point[0]:g}, {point[1]:g})"
