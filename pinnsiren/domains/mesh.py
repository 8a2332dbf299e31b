"""Solids by a closed surface of triangles, from a file: STL, PLY, OBJ."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from pinnsiren.domains.domain import Domain, Sides, check_coordinates, sides_of
from pinnsiren.domains.region import TOLERANCE
from pinnsiren.domains.simplices import normal_vectors, simplex_chart
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, as_points

Faces = NDArray[np.int64]

_INSTALL = "pip install 'pinnsiren[mesh]'"


@dataclass(frozen=True, init=False, eq=False)
class Mesh(Domain):
    """The inside of a closed surface of triangles: ``Mesh((x, y, z), "part.stl")``.

    Lengths are those of the file. The faces' normals are exact, and constant on each: a curved surface is as round as its
    triangles are many. Needs the extra ``mesh`` (libigl for distances, trimesh to read files).

    Args:
        axes: the three coordinates.
        source: a file that trimesh reads (STL, PLY, OBJ, …), or the vertices (n, 3) in the coordinates' units.
        faces: (m, 3) places of each triangle's corners among the vertices, when those are given.

    Raises:
        DomainError: not three coordinates; a file that is missing, empty or unreadable; a surface that is not closed (with
            the number of open edges), whose triangles do not turn alike, or with NaN vertices or places that do not exist.
    """

    axes: tuple[sympy.Symbol, ...]
    vertices: Array
    faces: Faces

    def __init__(self, axes: Iterable[sympy.Symbol], source: str | Path | ArrayLike, faces: ArrayLike | None = None) -> None:
        symbols = check_coordinates(axes, "Mesh")
        if len(symbols) != 3:
            raise DomainError(f"a mesh with the coordinates {symbols}; give three: Mesh((x, y, z), file).")
        corners, triangles = _read(Path(source)) if isinstance(source, (str, Path)) else _arrays(source, faces)
        if _volume(corners[triangles]) < 0:  # all seen from inside: the same surface
            triangles = triangles[:, ::-1].copy()
        for name, value in (("axes", symbols), ("vertices", _frozen(corners)), ("faces", _frozen(triangles))):
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mesh) and self._content == other._content

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Mesh({self.axes}, {len(self.vertices)} vertices, {len(self.faces)} faces)"

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.axes

    @property
    def bounds(self) -> Array:
        used = self.vertices[np.unique(self.faces)]
        return np.stack([used.min(axis=0), used.max(axis=0)], axis=1)

    def distance(self, points: ArrayLike) -> Array:
        """The distance (n,) of points (n, 3) from the surface, negative inside; in the coordinates' units.

        Reference: Bærentzen & Aanæs, Signed distance computation using the angle weighted pseudonormal, IEEE TVCG 11 (2005).
        """
        return self._nearest(as_points(points, self.coordinates))[0]

    def sides(self, points: Array, tolerance: float) -> Sides:
        return sides_of(self.distance(points), tolerance)

    def normals(self, points: Array) -> Array:
        return self._outward[self._nearest(points)[1]]

    def interior_charts(self) -> tuple[Chart, ...]:
        bounds, tolerance = self.bounds, TOLERANCE * self.size
        lower, width = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
        box = Chart(3, float(width.prod()), lambda unit: (lower + unit * width, None))
        return (box.only(lambda points, _: self.sides(points, tolerance) == -1),)

    def boundary_charts(self) -> tuple[Chart, ...]:
        return (simplex_chart(self.vertices[self.faces], self._areas, self._outward),)

    @cached_property
    def _areas(self) -> Array:
        return np.linalg.norm(normal_vectors(self.vertices[self.faces]), axis=1)

    @cached_property
    def _outward(self) -> Array:
        areas = self._areas[:, None]
        return normal_vectors(self.vertices[self.faces]) / np.where(areas > 0, areas, 1.0) + 0.0  # no −0.0

    def _nearest(self, points: Array) -> tuple[Array, Faces]:
        """The signed distance of points (n, 3), and the place of the nearest triangle."""
        if not len(points):
            return np.empty(0), np.empty(0, dtype=np.int64)
        try:
            import igl
        except ImportError:
            raise DomainError(f"a Mesh needs libigl for distances from it; install it with {_INSTALL}.") from None
        # not by the fast winding number: its distances are wrong by 0.2 %
        kind = igl.SIGNED_DISTANCE_TYPE_PSEUDONORMAL
        distance, face, *_ = igl.signed_distance(np.ascontiguousarray(points), self.vertices, self.faces, sign_type=kind)
        return distance, face

    @cached_property
    def _hash(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[Any, ...]:
        return self.axes, self.vertices.tobytes(), self.faces.tobytes()


def _read(file: Path) -> tuple[Array, Faces]:
    """Vertices and faces of a file; corners at the same place, which STL repeats, are one vertex."""
    try:
        import trimesh
    except ImportError:
        raise DomainError(f"Mesh((x, y, z), file) needs trimesh to read {file}; install it with {_INSTALL}.") from None
    if not file.is_file():
        raise DomainError(f"there is no mesh file {file}; check its path.")
    try:
        mesh: Any = trimesh.load_mesh(file)
        vertices, faces = np.asarray(mesh.vertices, dtype=float), np.asarray(mesh.faces, dtype=np.int64)
    except Exception as error:  # a parser of damaged foreign files may raise anything
        raise DomainError(f"{file} cannot be read as a mesh ({type(error).__name__}: {error}); expected triangles in STL, PLY "
                          "or OBJ.") from error
    if not len(faces):
        raise DomainError(f"{file} holds no triangle; expected a closed surface in STL, PLY or OBJ.")
    return _checked(vertices, faces, str(file))


def _arrays(vertices: ArrayLike, faces: ArrayLike | None) -> tuple[Array, Faces]:
    try:
        corners, places = np.array(vertices, dtype=float), np.array(faces)
    except (TypeError, ValueError) as error:
        raise DomainError(f"Mesh was given vertices or faces that are no arrays of numbers ({error}).") from None
    if corners.ndim != 2 or corners.shape[1] != 3 or places.ndim != 2 or places.shape[1] != 3 or places.dtype.kind not in "iu":
        raise DomainError(f"Mesh was given vertices of shape {corners.shape} and faces of shape {places.shape} of "
                          f"{places.dtype}; expected a file, or vertices (n, 3) and whole-numbered faces (m, 3).")
    return _checked(corners, places.astype(np.int64), "the mesh")


def _checked(vertices: Array, faces: Faces, what: str) -> tuple[Array, Faces]:
    if not len(faces) or faces.min() < 0 or faces.max() >= len(vertices):
        raise DomainError(f"{what} has faces whose corners are not among its {len(vertices)} vertices, or none.")
    if not np.isfinite(vertices).all():
        raise DomainError(f"{what} has vertices that are not finite; expected real numbers.")
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, which, count = np.unique(np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True)
    open_edges, crowded = int((count == 1).sum()), int((count > 2).sum())
    if open_edges or crowded:
        fault = f"{open_edges} of its edges are open (one triangle)" if open_edges else \
            f"{crowded} of its edges have more than two triangles"
        raise DomainError(f"{what} is not a closed surface: {fault}. Merge its vertices and fill its holes, with "
                          "trimesh.repair.fill_holes or a mesh editor.")
    sense = np.bincount(which.ravel(), np.where(directed[:, 0] < directed[:, 1], 1, -1))
    if sense.any():
        raise DomainError(f"{what} has triangles that turn differently from their neighbours along {int((sense != 0).sum())} "
                          "edges, so its inside is not known; use trimesh.repair.fix_winding.")
    if _volume(vertices[faces]) == 0:
        raise DomainError(f"{what} encloses no volume.")
    return vertices, faces


def _volume(triangles: Array) -> float:
    """∫ div(x/3) by the divergence theorem: a sixth of the sum of a · (b × c)."""
    a, b, c = (triangles - triangles[0, 0]).transpose(1, 0, 2)
    return float((a * np.cross(b, c)).sum() / 6)


def _frozen(array: Any) -> Any:
    copy = np.ascontiguousarray(array + 0)  # −0.0 and 0.0 are equal, and their bytes too
    copy.flags.writeable = False
    return copy
