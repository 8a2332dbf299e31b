"""The surface where a function vanishes, as triangles: marching cubes slab by slab, at any resolution."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pinnsiren.domains import Mesh
from pinnsiren.domains.domain import Domain
from pinnsiren.domains.implicit import Implicit
from pinnsiren.errors import DataError, DomainError
from pinnsiren.gridded import Gridded
from pinnsiren.sampling import Array
from pinnsiren.signals.points import PointCloud, nearest

Function = Callable[[Array], ArrayLike]  # points (n, 3) -> values (n,)
Faces = NDArray[np.int64]

SLAB_NODES = 2_000_000  # nodes of a slab: some 100 MB
CHUNK = 262_144  # points for which the function is asked at once
BLOCK = 8  # nodes along each side of the blocks that a bound of the slope may leave out
CLEAR = 1e-3  # of the function's change over a cell: values nearer to 0 are moved away, lest corners of triangles coincide
SEAM = 1e-2  # cells: how far the same corner may be in two slabs, in single precision
ON_LAYER = 1e-4  # cells; corners elsewhere are at least ``CLEAR`` away
KINDS = (".ply", ".obj", ".stl", ".off")
_INSTALL = "pip install 'pinnsiren[mesh]'"


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles, seen from outside against the clock: their normals point to where the function is positive.

    Args:
        vertices: (n, 3) float64, in the function's coordinates, or in those of :meth:`in_frame_of`.
        faces: (m, 3) places of corners among the vertices.
    """

    vertices: Array
    faces: Faces

    @cached_property
    def open_edges(self) -> int:
        """Edges with one triangle: 0 unless the surface leaves the box."""
        edges = np.sort(self.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        return int((np.unique(edges, axis=0, return_counts=True)[1] == 1).sum())

    @property
    def pieces(self) -> int:
        """How many parts hang together, each by itself."""
        used = np.unique(self.faces)
        edges = self.faces[:, [0, 1, 1, 2]].reshape(-1, 2)
        links = coo_array((np.ones(len(edges), dtype=bool), tuple(edges.T)), shape=(len(self.vertices),) * 2)
        return len(np.unique(connected_components(links, directed=False)[1][used]))

    @property
    def area(self) -> float:
        """In squares of the coordinates' unit."""
        return float(np.linalg.norm(self._crosses, axis=1).sum() / 2)

    @property
    def volume(self) -> float:
        """What a closed surface encloses, a sixth of Σ a · (b × c)."""
        a, b, c = self.vertices[self.faces].transpose(1, 0, 2)
        return float((a * np.cross(b, c)).sum() / 6)

    def sample(self, n: int, seed: int = 0) -> tuple[Array, Array]:
        """n random points, even by area, and the triangles' normals there: (n, 3) each."""
        rng, crosses = np.random.default_rng(seed), self._crosses
        areas = np.linalg.norm(crosses, axis=1)
        rows = np.searchsorted(np.cumsum(areas), rng.random(n) * areas.sum()).clip(max=len(areas) - 1)
        u, v = rng.random((2, n, 1))
        u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
        a, b, c = self.vertices[self.faces[rows]].transpose(1, 0, 2)
        return a + u * (b - a) + v * (c - a), crosses[rows] / np.maximum(areas[rows, None], 1e-300)

    def in_frame_of(self, cloud: PointCloud) -> "Surface":
        """The same surface in the coordinates and the unit of the cloud's source."""
        return replace(self, vertices=cloud.original(self.vertices))

    def mesh(self, axes: Sequence[sympy.Symbol]) -> Mesh:
        """The solid that it encloses, to solve a problem in.

        Raises:
            DomainError: it is not closed, and what else :class:`~pinnsiren.domains.Mesh` refuses.
        """
        return Mesh(axes, self.vertices, self.faces)

    def save(self, path: str | Path) -> Path:
        """Write PLY, OBJ, STL or OFF, as the name ends; it needs the extra ``mesh`` (trimesh).

        Raises:
            DataError: no triangle, another ending, or a file that cannot be written.
        """
        file = Path(path)
        if not len(self.faces):
            raise DataError(f"a surface without triangles is not written to {file}.")
        if file.suffix.lower() not in KINDS:
            raise DataError(f"a surface cannot be written to {file}; give a name that ends in {', '.join(KINDS)}.")
        try:
            import trimesh
        except ImportError:
            raise DataError(f"writing {file} needs trimesh; install it with {_INSTALL}.") from None
        try:
            trimesh.Trimesh(self.vertices, self.faces, process=False).export(file)
        except OSError as error:
            raise DataError(f"{file} cannot be written: {error.strerror}.") from error
        return file

    @cached_property
    def _crosses(self) -> Array:
        a, b, c = self.vertices[self.faces].transpose(1, 0, 2)
        return np.asarray(np.cross(b - a, c - a))


def level_surface(function: Function, bounds: ArrayLike, cells: int = 128, *, level: float = 0.0,
                  slope: float | None = None) -> Surface:
    """The surface f = level in a box, by marching cubes.

    The box is cut into slabs that share a layer of nodes; of each only its nodes are held, and corners on the shared layer
    are one vertex, so that there are neither cracks nor doubles. Its corners are on the edges of the grid, by linear
    interpolation: within O(h²) of f = level, h the width of a cell. What is smaller than a cell may be missed.

    Args:
        function: points (n, 3) to values (n,), such as ``lambda x: solution(u, x)``; negative inside.
        bounds: (3, 2) of the box.
        cells: along its longest side; the cells are cubes up to rounding.
        level: of the surface.
        slope: a bound of ‖∇f‖ where there is one, 1 or a little more for distances: blocks of 8³ nodes whose middle tells that
            the surface is elsewhere are left out, which is most of a fine grid. Wrong bounds make holes.

    Raises:
        DataError: the function has one sign in the box (its range is told), leaves the box everywhere, or is not finite; a
            box or a number of cells that is none; scikit-image is not installed.
    Reference: Lewiner et al., Efficient implementation of marching cubes' cases, J. Graphics Tools 8 (2003).
    """
    grid = _Grid.of(bounds, cells)
    marching = _marching_cubes()
    parts, seam, count = [], None, 0
    low, high = np.inf, -np.inf
    for first, values in _slabs(function, grid, level, slope):
        low, high = min(low, float(values.min())), max(high, float(values.max()))
        if not (values.min() < 0 < values.max()):
            seam = None
            continue
        corners, faces = marching(values)
        corners[:, 0] += first
        corners, faces, seam, count = _joined(corners, faces, seam, count=count, last=first + len(values) - 1)
        parts.append((corners, faces))
    if not parts:
        side = "positive: no inside" if low > 0 else "negative: no outside"
        raise DataError(f"there is no surface f = {level:g} in the box {np.asarray(bounds).tolist()}: f − {level:g} goes from "
                        f"{low:.3g} to {high:.3g} on its {' × '.join(map(str, grid.counts))} nodes and is {side}. Look at the "
                        "fit, at the level, at the signs of the normals, or take more cells.")
    vertices = np.concatenate([p[0] for p in parts])
    return Surface(grid.lower + vertices * grid.spacing, np.concatenate([p[1] for p in parts]))


def region_below(function: Function, coordinates: Sequence[sympy.Symbol], bounds: ArrayLike, cells: int = 64, *,
                 name: str = "phi") -> Domain:
    """The domain f ≤ 0 in a box, to solve the next problem in: f by cubic splines through its values on a grid.

    Args:
        function: points (n, d) to values (n,), d = 2 or 3, such as ``lambda x: solution(u, x)``.
        coordinates: d symbols. bounds: (d, 2) of the box, in their units. cells: of the grid, along each.
        name: of the gridded function in the condition.

    Raises:
        DataError: values that are not finite. DomainError: f has one sign on the grid; its range is told.
    """
    box = np.asarray(bounds, dtype=float)
    axes = [np.linspace(a, b, cells + 1) for a, b in box]
    nodes = np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = _evaluated(function, nodes)
    if not values.min() < 0 < values.max():
        raise DomainError(f"the function goes from {values.min():.3g} to {values.max():.3g} in the box {box.tolist()}, so that "
                          "f ≤ 0 is no body in it; look at the fit, or at its sign.")
    phi = Gridded(name, axes, values.reshape([len(a) for a in axes]))
    extent = {c: (a, b) for c, (a, b) in zip(coordinates, box.tolist(), strict=True)}
    return Implicit(phi(*coordinates) <= 0, extent, cells)


@dataclass(frozen=True, eq=False)
class _Grid:
    """Nodes lower + spacing · (i, j, k), counts of them along each coordinate."""

    lower: Array
    spacing: Array
    counts: tuple[int, ...]

    @classmethod
    def of(cls, bounds: ArrayLike, cells: int) -> "_Grid":
        box = np.asarray(bounds, dtype=float)
        if box.shape != (3, 2) or not np.isfinite(box).all() or not (box[:, 1] > box[:, 0]).all():
            raise DataError(f"bounds={np.asarray(bounds).tolist()}; give (lower, upper) for each of three coordinates.")
        if not isinstance(cells, int) or cells < 2:
            raise DataError(f"cells={cells!r}; give a whole number of at least 2.")
        width = box[:, 1] - box[:, 0]
        numbers = np.maximum(2, np.ceil(cells * width / width.max() - 1e-9)).astype(int)
        return cls(box[:, 0], width / numbers, tuple(int(n) + 1 for n in numbers))

    def nodes(self, first: int, last: int) -> Array:
        """Those with first ≤ i < last, (n, 3)."""
        axes = [np.arange(first, last), *(np.arange(n) for n in self.counts[1:])]
        return self.lower + self.spacing * np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)


def _slabs(function: Function, grid: _Grid, level: float, slope: float | None) -> Iterator[tuple[int, Array]]:
    """The first layer of each slab and f − level on its nodes; the last layer of a slab is the first of the next."""
    thick = max(BLOCK if slope else 1, SLAB_NODES // (grid.counts[1] * grid.counts[2]))
    kept: Array | None = None
    for first in range(0, grid.counts[0], thick):
        last = min(first + thick, grid.counts[0])
        values = _layers(function, grid, (first, last), level=level, slope=slope)
        step = max(float(np.abs(np.diff(values, axis=i)).max(initial=0.0)) for i in range(3))
        values = _clear(values, CLEAR * (step if slope is None else min(step, slope * float(grid.spacing.max()))))
        slab = values if kept is None else np.concatenate([kept, values])
        kept = values[-1:]
        if len(slab) > 1:
            yield first - (len(slab) - len(values)), slab


def _layers(function: Function, grid: _Grid, layers: tuple[int, int], *, level: float, slope: float | None) -> Array:
    shape = (layers[1] - layers[0], *grid.counts[1:])
    if slope is None:
        return _evaluated(function, grid.nodes(*layers)).reshape(shape) - level
    starts = [np.arange(a, b, BLOCK) for a, b in zip((layers[0], 0, 0), (layers[1], *grid.counts[1:]), strict=True)]
    corners = np.stack([m.ravel() for m in np.meshgrid(*starts, indexing="ij")], axis=1)
    centres = np.minimum(corners + (BLOCK - 1) / 2, np.array(grid.counts) - 1.0)  # functions may end where the box does
    middle = _evaluated(function, grid.lower + grid.spacing * centres) - level
    reach = slope * float(np.linalg.norm(grid.spacing)) * (BLOCK + 1) / 2  # to the nodes beside the block, too
    coarse = middle.reshape([len(s) for s in starts])
    values, wanted = _spread(coarse, shape), np.abs(_spread(coarse, shape)) <= reach
    places = np.argwhere(wanted) + np.array([layers[0], 0, 0])
    if len(places):
        values[wanted] = _evaluated(function, grid.lower + grid.spacing * places) - level
    return values


def _spread(blocks: Array, shape: tuple[int, ...]) -> Array:
    """A value of each block at all of its nodes."""
    for axis, count in enumerate(shape):
        blocks = np.repeat(blocks, BLOCK, axis).take(np.arange(count), axis)
    return blocks


def _evaluated(function: Function, points: Array) -> Array:
    parts = [np.asarray(function(some), dtype=float) for some in np.array_split(points, -(-len(points) // CHUNK))]
    values = np.concatenate(parts)
    if values.shape != (len(points),):
        raise DataError(f"the function gave values of shape {values.shape} for {len(points)} points; expected one for each.")
    if not np.isfinite(values).all():
        place = points[int(np.argmin(np.isfinite(values)))]
        raise DataError(f"the function is {values[~np.isfinite(values)][0]} at {place.tolist()}; a surface needs finite "
                        "values.")
    return values


def _clear(values: Array, least: float) -> Array:
    """Values none of which is so near to 0 that the surface would pass through a node."""
    return np.where(np.abs(values) < least, np.where(values < 0, -least, least), values)


def _marching_cubes() -> Callable[[Array], tuple[Array, Faces]]:
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise DataError(f"surfaces are found by scikit-image; install it with {_INSTALL}.") from None

    def march(values: Array) -> tuple[Array, Faces]:
        found: Any = marching_cubes(values, 0.0, gradient_direction="descent")  # type: ignore[no-untyped-call]
        return np.asarray(found[0], dtype=float), np.asarray(found[1], dtype=np.int64)

    return march


def _joined(corners: Array, faces: Faces, seam: tuple[Array, Faces] | None, *, count: int,
            last: int) -> tuple[Array, Faces, tuple[Array, Faces], int]:
    """New vertices and faces of a slab, numbered after ``count`` others, and its own seam: the places and numbers of corners
    on its last layer. Corners on the seam of the slab before are those already there."""
    numbers = np.full(len(corners), -1, dtype=np.int64)
    if seam is not None and len(seam[0]):
        candidates = np.flatnonzero(corners[:, 0] < last - 0.5)
        distance, place = nearest(cKDTree(seam[0]), corners[candidates], 1)
        met = (distance[:, 0] < SEAM) & (np.abs(corners[candidates, 0] - seam[0][0, 0]) < ON_LAYER)
        numbers[candidates[met]] = seam[1][place[met, 0]]
    new = numbers < 0
    numbers[new] = count + np.arange(int(new.sum()))
    on_last = np.abs(corners[:, 0] - last) < ON_LAYER
    return corners[new], numbers[faces], (corners[on_last], numbers[on_last]), count + int(new.sum())
