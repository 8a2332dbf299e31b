"""The report's figure: solution, reference and their difference side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from pinnsiren.domains.domain import Domain
from pinnsiren.domains.lattice import Lattice
from pinnsiren.planes import planes
from pinnsiren.problem import Problem
from pinnsiren.sampling import Mask, Points
from pinnsiren.symbols import Field
from pinnsiren.validation.reference import Array

Values = Callable[[Field, Points], Array]

LINE = 401  # points of a one-dimensional picture
SIDE = 121  # points along each side of a two-dimensional one
DECADES = 1e4  # from the largest error down


@dataclass(frozen=True, eq=False)
class Picture:
    """One field on a line, a plane through the middle of the domain, or a set of points.

    Attributes:
        title: the field and where the slice lies.
        labels: one or two coordinate names.
        places: (n, 1) or (n, 2) where the values are.
        solution: (n,), NaN outside the domain.
        reference: (n,) or None.
        shape: of the regular grid that the places make, or None if they are scattered.
    """

    title: str
    labels: tuple[str, ...]
    places: Array
    solution: Array
    reference: Array | None
    shape: tuple[int, ...] | None


def pictures_of(problem: Problem, scattered: Points, *, fields: Sequence[Field],
                solution: Values, reference: Values | None, sliced: bool = True) -> tuple[Picture, ...]:
    """One picture for each of some fields and slice; scattered points where the problem has no domain to slice, or on demand.
    """
    regions = [problem.compared] if problem.compared is not None else [c.region for c in problem.constraints]
    domain = next((r.domain for r in regions if r.domain is not None), None)
    pictures = []
    for field in fields:
        for slice_ in [_scattered(scattered)] if domain is None or scattered.data or not sliced else _slices(domain):
            found = slice_.values(solution, field)
            expected = None if reference is None else slice_.values(reference, field)
            for name, part in _parts(field).items():
                pictures.append(Picture(f"{name}{slice_.where}", tuple(map(str, slice_.along)), slice_.places,
                                        part(found), None if expected is None else part(expected), slice_.shape))
    return tuple(pictures)


def _parts(field: Field) -> dict[str, Callable[[Array], Array]]:
    """What is drawn of a field: itself, or real part and magnitude of a complex one."""
    return {field.name: np.real} if field.is_real else {f"Re {field.name}": np.real, f"|{field.name}|": np.abs}


def draw(pictures: Sequence[Picture]) -> Figure:
    """A row for each picture: solution, reference, |difference|; only the solution where there is no reference."""
    panels = 1 if all(p.reference is None for p in pictures) else 3
    figure = Figure(figsize=(4.2 * panels, 3.5 * max(1, len(pictures))), layout="constrained")
    axes = figure.subplots(max(1, len(pictures)), panels, squeeze=False)
    if not pictures:
        axes[0, 0].text(0.5, 0.5, "nothing to draw: the points have more than two coordinates", ha="center", wrap=True)
        axes[0, 0].set_axis_off()
    for row, picture in zip(axes, pictures, strict=False):
        draw_one = _draw_lines if picture.places.shape[1] == 1 else _draw_images
        draw_one(list(row), picture)
        for panel in row:
            panel.set_xlabel(picture.labels[0])
    return figure


@dataclass(frozen=True, eq=False)
class _Slice:
    """Places (n, 1 or 2), which of them lie in the domain, and the points of these in all coordinates."""

    points: Points
    along: tuple[object, ...]
    places: Array
    inside: Mask
    shape: tuple[int, ...] | None = None
    where: str = ""

    def values(self, call: Values, field: Field) -> Array:
        """(n,) values of a field, NaN outside the domain."""
        shown = np.full(len(self.places), np.nan, float if field.is_real else complex)
        shown[self.inside] = call(field, self.points)
        return shown


def _scattered(points: Points) -> _Slice:
    """The points themselves; on a full grid in its order, which makes a picture of it."""
    places, shape = points.values[:, :2], None
    lattice = Lattice.of(points.values) if points.values.shape[1] == 2 else None
    if lattice is not None and np.prod(lattice.counts) == len(points):
        order = np.lexsort(lattice.places(points.values)[::-1])
        data = {d: v[order] for d, v in points.data.items()}
        points, places, shape = Points(points.coordinates, points.values[order], None, data), places[order], lattice.counts
    return _Slice(points, points.coordinates[:2], places, np.ones(len(points), bool), shape)


def _slices(domain: Domain) -> list[_Slice]:
    """The planes on which a domain is shown (:mod:`pinnsiren.planes`)."""
    coordinates, bounds = domain.coordinates, np.asarray(domain.bounds, float)
    slices = []
    for plane in planes(domain):
        count = LINE if len(plane.along) == 1 else SIDE
        lines = [np.linspace(float(bounds[i, 0]), float(bounds[i, 1]), count) for i in plane.along]
        mesh = np.meshgrid(*lines, indexing="ij")
        places = np.stack([m.ravel() for m in mesh], axis=1)
        values = plane.points(places)
        inside = domain.contains(values, 1e-9 * float(np.ptp(bounds, axis=1).max()))
        slices.append(_Slice(Points(coordinates, values[inside]), tuple(coordinates[i] for i in plane.along),
                             places, inside, mesh[0].shape, f" at {plane.label}" if plane.label else ""))
    return slices


def _draw_lines(row: list[Axes], picture: Picture) -> None:
    x = picture.places[:, 0]
    order = np.argsort(x)
    shown = [("solution", picture.solution), ("reference", picture.reference)]
    if picture.reference is not None:
        shown.append(("|solution − reference|", np.abs(picture.solution - picture.reference)))
    for panel, (name, values) in zip(row, shown, strict=False):
        if values is not None:
            panel.plot(x[order], values[order], color="tab:red" if "|" in name else "tab:blue")
        if "|" in name and values is not None and np.nanmax(values) > 0:
            panel.set_yscale("log")
        panel.set_title(f"{picture.title}: {name}")
        panel.grid(alpha=0.3)


def _draw_images(row: list[Axes], picture: Picture) -> None:
    values = [v[np.isfinite(v)] for v in (picture.solution, picture.reference) if v is not None]
    shared = Normalize(float(np.min(np.concatenate(values))), float(np.max(np.concatenate(values))))
    _draw_map(row[0], picture, "solution", picture.solution, colours="viridis", norm=shared)
    if picture.reference is not None:
        difference = np.abs(picture.solution - picture.reference)
        _draw_map(row[1], picture, "reference", picture.reference, colours="viridis", norm=shared)
        _draw_map(row[2], picture, "|solution − reference|", difference, colours="magma", norm=_decades(difference))


def _decades(difference: Array) -> Normalize:
    """A logarithmic scale over the upper decades of an error, which on a linear one is a black square and a dot."""
    largest = float(np.nanmax(difference))
    return LogNorm(largest / DECADES, largest, clip=True) if largest > 0 else Normalize(0.0, 1.0)


def _draw_map(panel: Axes, picture: Picture, name: str, values: Array, *,
              colours: str, norm: Normalize) -> None:
    x, y = picture.places.T
    drawn: ScalarMappable
    if picture.shape is None:
        drawn = panel.scatter(x, y, c=values, s=4, cmap=colours, norm=norm)
    else:
        shading: Literal["gouraud", "nearest"] = "gouraud" if np.isfinite(values).all() else "nearest"
        drawn = panel.pcolormesh(*(v.reshape(picture.shape) for v in (x, y, np.ma.masked_invalid(values))),
                                 cmap=colours, norm=norm, shading=shading)
    panel.set_title(f"{picture.title}: {name}")
    panel.set_ylabel(picture.labels[1])
    panel.set_aspect("equal" if 1 / 3 < np.ptp(x) / np.ptp(y) < 3 else "auto")
    panel.figure.colorbar(drawn, ax=panel, shrink=0.85)
