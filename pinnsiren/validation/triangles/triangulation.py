"""Triangles that fill a domain of the plane, small where its boundary bends, with curved edges on the boundary."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from pinnsiren.domains.region import Region
from pinnsiren.domains.rings import encloses
from pinnsiren.errors import ReferenceError
from pinnsiren.sampling import Array, Mask
from pinnsiren.validation.triangles.grading import Focus, foci, graded_sizes
from pinnsiren.validation.triangles.outline import ON_CURVE, Loop

Index = NDArray[np.intp]

TURN = 8.0  # radians per relative size: a circle has at least 12 edges at 1/16, 50 at 1/64
WIDEST_TURN = 0.6  # radians along an edge, on the coarsest meshes
GROWTH = 0.4  # of the edges' length with the distance from a short one
CELL = 0.93  # squares of this side have the area of two equilateral triangles of side 1
CLEARANCE = 0.7  # of an edge's length around its middle: beyond 0.5 the edge is Delaunay
SMOOTHINGS = 4
BULGE = 1e-5  # of a straight piece's length, only while triangles are chosen
SPLITTINGS = 12
AT_ONCE = 2**20  # distances computed together
FLAT = 1e-3  # a triangle's height over its longest edge; flatter ones make the equations ill-conditioned


@dataclass(frozen=True, eq=False)
class Triangulation:
    """Triangles and the boundary edges among their sides.

    Attributes:
        nodes: (n, 2).
        triangles: (m, 3) indices of nodes.
        edges: (k, 2) indices of the nodes at the ends of each boundary edge.
        middles: (k, 2) the point of the boundary curve half-way along each edge.
    """

    nodes: Array
    triangles: Index
    edges: Index
    middles: Array


def triangulated(loops: Sequence[Loop], regions: Sequence[Region], values: Sequence[bool], *, size: float,
                 length: float) -> Triangulation:
    """Fill closed curves with triangles whose edges are about ``size · length`` long, shorter where solutions are not smooth.

    Nodes lie on the curves — at all corners, and where one region ends — and inside on a graded square grid that is moved
    to the averages of neighbours. Edges of the boundary that Delaunay's triangulation lacks are halved until it has all.

    Args:
        regions: of conditions on the boundary; no edge belongs to two of them.
        values: for each of them whether it is for a value; where that gives way to a flux, solutions are not smooth.
        size: edges relative to the length; dimensionless.
        length: of the domain.
    Raises:
        ReferenceError: the edges of the boundary do not become part of the triangulation.
    Reference: Persson & Strang, A simple mesh generator in MATLAB, SIAM Rev. 46 (2004); Ruppert, A Delaunay refinement
        algorithm for quality 2-dimensional mesh generation, J. Algorithms 18 (1995), on halving.
    """
    h = size * length
    breaks = [loop.breaks(regions, ON_CURVE * length) for loop in loops]
    places = [foci(loop, at, regions, values, length) for loop, at in zip(loops, breaks, strict=True)]
    arcs = [_spread(loop, at, own, h, min(TURN * size, WIDEST_TURN))
            for loop, at, own in zip(loops, breaks, places, strict=True)]
    for _ in range(SPLITTINGS):
        nodes, edges, middles = _boundary(loops, arcs)
        bulge = np.concatenate([_bulge(*piece) for piece in zip(loops, arcs, breaks, strict=True)])
        inner = _graded(nodes[edges], [f for own in places for f in own if f is not None], h)
        for _ in range(SMOOTHINGS):
            points = np.concatenate([nodes, inner])
            inner = _smoothed(points, _inside(points, edges, bulge))[len(nodes):]
            inner = inner[_clear(nodes[edges], inner)]
        points = np.concatenate([nodes, inner])
        triangles = _inside(points, edges, bulge)
        missing = _missing(edges, triangles)
        if not missing.any():
            _require_good(points, triangles)
            return _compact(points, triangles, edges, middles)
        arcs = _halved(loops, arcs, missing)
    raise ReferenceError(f"no triangulation of {SPLITTINGS} tried holds all edges of the boundary: parts of it are very near "
                         "each other, or a corner is very acute. Round the corner, or widen the gap.")


def _inside(points: Array, edges: Index, bulge: Array) -> Index:
    """Delaunay's triangles (m, 3) of points (n, 2), the boundary's first, without those outside the boundary."""
    moved = points.copy()
    moved[:len(bulge)] += bulge
    triangles = Delaunay(moved).simplices.astype(np.intp)
    doubtful = np.flatnonzero((triangles < len(bulge)).all(axis=1))  # where no edge is missing, only these can be outside
    inside = np.ones(len(triangles), dtype=bool)
    inside[doubtful] = encloses_many(moved[edges], moved[triangles[doubtful]].mean(axis=1))
    return triangles[inside]


def _bulge(loop: Loop, places: Array, breaks: Array) -> Array:
    """A tiny step (n, 2) outwards that makes straight pieces convex: rounding must not put triangles between their nodes."""
    if not len(breaks):
        return np.zeros((len(places), 2))
    whole = float(loop.arcs[-1])
    since = np.mod(places[:, None] - breaks, whole).min(axis=1)
    until = np.mod(breaks - places[:, None], whole).min(axis=1)
    step = BULGE * whole
    along = loop.at(places + step) - loop.at(places - step)
    outward = np.stack([along[:, 1], -along[:, 0]], axis=1) / (2 * step)
    return BULGE * np.where(since * until > 0, since * until / whole, 0.0)[:, None] * outward


def encloses_many(edges: Array, points: Array) -> Mask:
    """Whether closed polygons with edges (k, 2, 2) enclose points (n, 2)."""
    step = max(1, AT_ONCE // len(edges))
    return np.concatenate([encloses(edges, points[i:i + step]) for i in range(0, len(points), step)] or [np.zeros(0, bool)])


def _spread(loop: Loop, breaks: Array, places: Sequence[Focus | None], h: float, turn: float) -> Array:
    """Arc lengths of nodes: at all breaks, and evenly between them so that edges are short and turn little.

    Towards the places where solutions are not smooth they become as dense as these want it.
    """
    whole = float(loop.arcs[-1])
    starts = breaks if len(breaks) else np.zeros(1)
    ends = np.append(starts[1:], starts[0] + whole)
    placed = []
    beside = zip(places, [*places[1:], *places[:1]], strict=True) if len(breaks) else [(None, None)]
    for start, end, own in zip(starts, ends, beside, strict=True):
        angles = np.interp([start, min(end, whole)], loop.arcs, loop.turned)
        bent = float(angles[1] - angles[0])
        if end > whole:
            bent += float(np.interp(end - whole, loop.arcs, loop.turned))
        count = max(int(np.ceil((end - start) / h)), int(np.ceil(bent / turn)), 1)
        placed.append(_between(start, end, own, (end - start) / count))
    found = np.concatenate(placed)
    return found if len(found) >= 3 else starts[0] + whole * np.arange(3) / 3


def _between(start: float, end: float, places: Sequence[Focus | None], spacing: float) -> Array:
    """Arc lengths of nodes from one break on, up to the next, which is not among them."""
    first, last = (np.zeros(0) if f is None else f.distances(spacing) for f in places)
    low, high = start + first.max(initial=0.0), end - last.max(initial=0.0)
    even = np.linspace(low, high, max(1, round((high - low) / spacing)) + 1)
    return np.concatenate([[start], start + first, even[1:-1], end - last[::-1]])


def _boundary(loops: Sequence[Loop], arcs: Sequence[Array]) -> tuple[Array, Index, Array]:
    """Nodes (n, 2), edges (n, 2) and the middles (n, 2) of their arcs, loop after loop."""
    nodes, edges, middles, count = [], [], [], 0
    for loop, places in zip(loops, arcs, strict=True):
        ends = np.append(places[1:], places[0] + loop.arcs[-1])
        nodes.append(loop.at(places))
        middles.append(loop.at((places + ends) / 2))
        own = np.arange(len(places))
        edges.append(count + np.stack([own, np.roll(own, -1)], axis=1))
        count += len(places)
    return np.concatenate(nodes), np.concatenate(edges), np.concatenate(middles)


def _graded(edges: Array, places: Sequence[Focus], h: float) -> Array:
    """Middles (n, 2) of squares inside, each about as large as its distance from short edges (k, 2, 2) and places allows."""
    low, high = edges.min(axis=(0, 1)), edges.max(axis=(0, 1))
    side = CELL * h
    counts = np.ceil((high - low) / side).astype(int)
    start = (low + high - counts * side) / 2
    cells = start + side * (np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 2) + 0.5)
    found = []
    while len(cells):
        wanted = np.minimum(_wanted(edges, cells, h), graded_sizes(places, cells, h))
        coarse = CELL * wanted < 0.7 * side
        found.append(cells[~coarse])
        quarter = side / 4 * np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
        cells, side = (cells[coarse, None] + quarter).reshape(-1, 2), side / 2
    inner = np.concatenate(found)
    inner = inner[_clear(edges, inner)]
    return inner[encloses_many(edges, inner)]


def _wanted(edges: Array, points: Array, h: float) -> Array:
    """The length (n,) of edges at points (n, 2): h, or less near short edges of the boundary."""
    lengths, middles = _lengths(edges), edges.mean(axis=1)
    short = lengths < 0.7 * h
    result = np.full(len(points), h)
    if short.any():
        step = max(1, AT_ONCE // int(short.sum()))
        for i in range(0, len(points), step):
            away = np.linalg.norm(points[i:i + step, None] - middles[short], axis=2)
            result[i:i + step] = np.minimum((lengths[short] + GROWTH * away).min(axis=1), h)
    return result


def _lengths(edges: Array) -> Array:
    return np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)


def _clear(edges: Array, points: Array) -> Mask:
    """Which points (n, 2) inside leave the boundary's edges in Delaunay's triangulation."""
    if not len(points):
        return np.zeros(0, dtype=bool)
    lengths = _lengths(edges)
    away, nearest = cKDTree(edges.mean(axis=1)).query(points)
    apart, node = cKDTree(edges[:, 0]).query(points)
    return (away > CLEARANCE * lengths[nearest]) & (apart > 0.5 * lengths[node])


def _smoothed(points: Array, triangles: Index) -> Array:
    """Every node at the average of its neighbours."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    pairs = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    number = np.bincount(pairs[:, 0], minlength=len(points))
    sums = [np.bincount(pairs[:, 0], weights=points[pairs[:, 1], i], minlength=len(points)) for i in (0, 1)]
    return np.where(number[:, None] > 0, np.stack(sums, axis=1) / np.maximum(number, 1)[:, None], points)


def _missing(edges: Index, triangles: Index) -> Mask:
    """Which boundary edges (k, 2) are not sides of exactly one triangle."""
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    base = int(triangles.max(initial=0)) + int(edges.max()) + 1
    keys, counts = np.unique(sides[:, 0] * base + sides[:, 1], return_counts=True)
    single = keys[counts == 1]
    ordered = np.sort(edges, axis=1)
    return ~np.isin(ordered[:, 0] * base + ordered[:, 1], single)


def _halved(loops: Sequence[Loop], arcs: Sequence[Array], missing: Mask) -> list[Array]:
    """Arc lengths with one more node in the middle of each missing edge."""
    wholes = [float(loop.arcs[-1]) for loop in loops]
    ends = np.cumsum([len(places) for places in arcs])[:-1]
    result = []
    for places, lacking, whole in zip(arcs, np.split(missing, ends), wholes, strict=True):
        beyond = np.append(places[1:], places[0] + whole)
        result.append(np.sort(np.concatenate([places, (places + beyond)[lacking] / 2])))
    return result


def _heights(corners: Array) -> Array:
    """The smallest height of triangles (m, 3, 2) over their longest edge; dimensionless."""
    sides = np.roll(corners, -1, axis=1) - corners
    (ax, ay), (bx, by) = sides[:, 0].T, sides[:, 1].T
    longest = np.linalg.norm(sides, axis=2).max(axis=1)
    return np.abs(ax * by - ay * bx) / longest**2


def _require_good(points: Array, triangles: Index) -> None:
    flattest = float(_heights(points[triangles]).min(initial=1.0))
    if flattest < FLAT:
        raise ReferenceError(f"a triangle is {flattest:.1g} times as high as long: the boundary has a very acute corner or "
                             "two parts very near each other. Round the corner, widen the gap, or choose a smaller size.")


def _compact(points: Array, triangles: Index, edges: Index, middles: Array) -> Triangulation:
    """Without nodes that belong to no triangle."""
    used = np.unique(triangles)
    place = np.full(len(points), -1)
    place[used] = np.arange(len(used))
    return Triangulation(points[used], place[triangles], place[edges], middles)
