"""Shapes whose signed distance is known: to try methods on, and to measure them by."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from pinnsiren.domains import Ball, Box, Domain, Mesh
from pinnsiren.domains.implicit import Region
from pinnsiren.errors import DataError
from pinnsiren.sampling import Array, Mask
from pinnsiren.signals.distances import nearest_distances
from pinnsiren.signals.point_files import SHIPPED, load_mesh, open_edges, shipped_mesh
from pinnsiren.signals.points import PointCloud, read_points
from pinnsiren.symbols import coordinates

FINE = 400_000  # points from which distances of shapes without a formula are taken


@dataclass(frozen=True, eq=False)
class Shape:
    """A body in [−1, 1]³ whose surface can be sampled and whose distance is known.

    Args:
        name: how it is called.
        domain: its inside, boundary and normals.
        formula: the signed distance as an expression in the domain's coordinates, negative inside; None where there is none.
            Minima and maxima of distances are not distances: of max(a, −b) only the zero set is right.
        cloud: what a file's points and frame are; None for shapes by formula.
    """

    name: str
    domain: Domain | None
    formula: sympy.Expr | None = None
    cloud: PointCloud | None = None

    def sample(self, n: int, seed: int = 0) -> PointCloud:
        """n random points of the surface, even by area, with exact normals, in the frame of [−1, 1]³; of a file of points or of
        an open mesh those that there are."""
        if self.domain is None:
            assert self.cloud is not None
            return self.cloud.thinned(n, seed)
        points = self.domain.boundary.sample(n, seed=seed, method="uniform")
        if self.cloud is not None:
            return replace(self.cloud, points=points.values, normals=points.normals)
        return PointCloud(self.name, points.values, points.normals, np.zeros(points.values.shape[1]), 1.0)

    @property
    def is_closed(self) -> bool:
        """Whether it has an inside, and hence a signed distance."""
        return self.domain is not None

    def distance(self, points: Array) -> Array:
        """The signed distance (n,) of points (n, 3): exact by formula and for meshes; else from 400 000 points, to about 1e-5.

        Raises:
            DataError: a mesh with holes, or points alone: there is no inside.
        """
        if self.formula is not None and self.domain is not None:
            values = sympy.lambdify(self.domain.coordinates, self.formula, "numpy")(*np.asarray(points, dtype=float).T)
            return np.broadcast_to(np.asarray(values, dtype=float), (len(points),)).copy()
        if isinstance(self.domain, Mesh):
            return self.domain.distance(points)
        side = np.where(self.inside(points), -1.0, 1.0)
        return side * np.abs(nearest_distances(self._fine, points).values)

    def inside(self, points: Array) -> Mask:
        """Whether points (n, 3) are inside.

        Raises:
            DataError: as :meth:`distance`.
        """
        if self.domain is None:
            raise DataError(f"{self.name} is not a closed surface: it has no inside and no signed distance. Its points and "
                            "normals can be used; fill its holes, with trimesh.repair.fill_holes or a mesh editor, to measure "
                            "by it.")
        if isinstance(self.domain, Mesh):
            return self.domain.distance(points) < 0
        return self.domain.contains(points, 0.0)

    @cached_property
    def _fine(self) -> PointCloud:
        return self.sample(FINE, seed=1)


def shape(name: str, points: int = 100_000, seed: int = 0) -> Shape:
    """A shape by name, or of a file.

    Args:
        name: one of "sphere", "torus", "box", "csg", "gyroid", in closed form; "airplane", "ant", "nut", meshes that ship in
            pyvista; or the path of a file of points or triangles.
        points: drawn on a mesh. seed: of these.

    Raises:
        DataError: a name that is none of these, or what :func:`~pinnsiren.signals.points.read_points` refuses.
    """
    if name in FORMULAS:
        return FORMULAS[name]()
    if name in SHIPPED:
        return _of_file(shipped_mesh(name), name, points, seed)
    if not Path(name).is_file():
        raise DataError(f"there is no shape and no file {name!r}; give one of {', '.join((*FORMULAS, *SHIPPED))}, or the path "
                        "of a file of points or triangles.")
    return _of_file(Path(name), Path(name).name, points, seed)


def _of_file(file: Path, name: str, points: int, seed: int) -> Shape:
    cloud = replace(read_points(file, samples=points, seed=seed), name=name)
    return Shape(name, _closed(file, cloud), cloud=cloud)


def _closed(file: Path, cloud: PointCloud) -> Mesh | None:
    """The mesh of a file in its cloud's frame; None if it is not closed or the file holds points."""
    from pinnsiren.signals.point_files import TEXT

    if file.suffix.lower() in TEXT:
        return None
    geometry: Any = load_mesh(file)
    faces = np.asarray(getattr(geometry, "faces", ()))
    if not len(faces) or open_edges(faces):
        return None
    return Mesh(coordinates("x y z"), cloud.scaled(geometry.vertices), faces)


def sphere(radius: float = 0.7) -> Shape:
    """A ball."""
    x, y, z = axes = coordinates("x y z")
    return Shape("sphere", Ball(dict.fromkeys(axes, 0), radius), sympy.sqrt(x**2 + y**2 + z**2) - radius)


def torus(radius: float = 0.6, tube: float = 0.25) -> Shape:
    """A ring around the z axis: √((√(x²+y²) − R)² + z²) − r."""
    x, y, z = axes = coordinates("x y z")
    formula = sympy.sqrt((sympy.sqrt(x**2 + y**2) - radius) ** 2 + z**2) - tube
    return Shape("torus", Region(formula <= 0, dict.fromkeys(axes, (-0.95, 0.95))), formula)


def box(widths: tuple[float, float, float] = (0.7, 0.5, 0.4)) -> Shape:
    """A box of given half-widths: with q = |x| − w the distance is |max(q, 0)| + min(max q_i, 0)."""
    axes = coordinates("x y z")
    q = [sympy.Abs(c) - w for c, w in zip(axes, widths, strict=True)]
    outside = sympy.sqrt(sum((sympy.Max(e, 0) ** 2 for e in q), start=sympy.S.Zero))
    return Shape("box", Box({c: (-w, w) for c, w in zip(axes, widths, strict=True)}),
                 outside + sympy.Min(sympy.Max(*q), 0))


def csg() -> Shape:
    """A box with a ball on its corner, less a ball in its middle. max and min of distances only bound its distance."""
    x, y, z = coordinates("x y z")
    block = Box({x: (-0.7, 0.5), y: (-0.6, 0.6), z: (-0.6, 0.3)})
    return Shape("csg", (block | Ball({x: 0.45, y: 0.3, z: 0.3}, 0.4)) - Ball({x: -0.3, y: -0.2, z: 0.25}, 0.35))


def gyroid(frequency: float = 5.0, thickness: float = 0.35) -> Shape:
    """|sin ax cos ay + sin ay cos az + sin az cos ax| ≤ b within a ball: sheets, channels and sharp edges."""
    x, y, z = axes = coordinates("x y z")
    a = frequency
    wave = (sympy.sin(a * x) * sympy.cos(a * y) + sympy.sin(a * y) * sympy.cos(a * z) + sympy.sin(a * z) * sympy.cos(a * x))
    sheet = Region(wave**2 <= thickness**2, dict.fromkeys(axes, (-0.95, 0.95)))
    return Shape("gyroid", sheet & Ball(dict.fromkeys(axes, 0), 0.85))


FORMULAS: dict[str, Callable[[], Shape]] = {"sphere": sphere, "torus": torus, "box": box, "csg": csg, "gyroid": gyroid}
