"""Pictures of fields over a domain and of a solve's history. They take functions, arrays and a domain, not a Solution.

Figures are made without pyplot: nothing global changes, nothing has to be closed, and no display is needed.
"""

from collections.abc import Callable, Collection, Mapping

import matplotlib
import numpy as np
import sympy
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from pinnsiren.domains import Domain
from pinnsiren.errors import DataError
from pinnsiren.planes import Plane, planes
from pinnsiren.symbols import Time

Array = NDArray[np.float64]
Values = Callable[[Array], ArrayLike]  # points (n, d) in the order of the domain's coordinates -> real values (n,)

SIGNED, UNSIGNED = "RdBu_r", "viridis"
OUTSIDE, EDGE = "0.85", "0.35"  # greys that are in neither colour map
_ANGLES = (matplotlib.colormaps["twilight"].with_extremes(bad=OUTSIDE), Normalize(-np.pi, np.pi))
STRETCHED = 3.0  # a domain with sides in a larger ratio is stretched to fill its picture
SIDE = 3.4  # inches, of one picture
FEW = 40  # points of a curve that are marked one by one
MOST_FIELDS = 9  # in one figure
MOST_CURVES = 12  # with a name and a colour, in one history: a longer legend is taller than the picture


def plot_fields(fields: Mapping[str, Values], domain: Domain, *, history: Mapping[str, ArrayLike] | None = None,
                resolution: int = 300, title: str | None = None, signed: bool = True,
                angles: Collection[str] = ()) -> Figure:
    """Fields side by side, and below them the history of the solve. Of more than nine the first nine are shown.

    Args:
        fields: title -> function of points (n, d), asked only for points in the domain.
        domain: where they live; one dimension gives a line, two an image, more three slices (:mod:`pinnsiren.planes`).
        history: see :func:`draw_history`; None leaves it out.
        resolution: points along the longest side.
        signed: whether zero means something; False for fields that are known up to a constant.
        angles: titles of those whose values are angles in radians: their colours close at ±π.

    Raises:
        DataError: no field, or a field that gives values of the wrong shape.
    """
    if not fields:
        raise DataError("plot_fields was given no field; give at least one, {'u': function}.")
    shown = dict(list(fields.items())[:MOST_FIELDS])
    if len(shown) < len(fields):
        left_out = f"{len(shown)} of {len(fields)} pictures, the others are left out"
        title = f"{title}: {left_out}" if title else left_out
    columns = min(len(shown), 3) if len(domain.coordinates) < 3 else 1  # three slices fill a row
    rows = -(-len(shown) // columns)
    width = max(1.8, 1.25 * columns, 3.2 * (len(domain.coordinates) > 2))
    heights = [float(rows), *[0.8] * (history is not None)]
    figure = Figure(figsize=(SIDE * width, SIDE * sum(heights)), layout="constrained")
    if title:
        figure.suptitle(title, fontsize="large")
    bands = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)
    areas = bands[0, 0].subfigures(rows, columns, squeeze=False).ravel()
    for area, (name, values) in zip(areas, shown.items(), strict=False):
        draw_field(area, values, domain, title=name, resolution=resolution, signed=signed, angle=name in angles)
    if history is not None:
        draw_history(bands[1, 0].subplots(), history)
    return figure


def draw_field(area: Figure | SubFigure, values: Values, domain: Domain, *, title: str = "", resolution: int = 300,
               limits: tuple[float, float] | None = None, signed: bool = True, angle: bool = False) -> None:
    """A field over its domain: a line (d = 1), an image with its colours (d = 2), slices (d ≥ 3, :mod:`pinnsiren.planes`).

    What lies outside the domain is grey. Fields with both signs get a diverging map centred at 0, if ``signed``.

    Args:
        area: what to draw into; it is filled.
        values: points (n, d) -> real values (n,); NaN leaves a gap.
        limits: the values at the ends of the colour bar; by default those of the field.
        angle: whether the values are angles in radians.

    Raises:
        DataError: the function gives values of the wrong shape.
    """
    if len(domain.coordinates) == 1:
        _draw_line(area.subplots(), values, domain, title, resolution)
        return
    shown = planes(domain)
    slices = [_slice(values, domain, plane, resolution) for plane in shown]
    colours, scale = (_ANGLES if angle else _colours(np.concatenate([s.ravel() for s in slices]), limits, signed=signed))
    axes = area.subplots(1, len(shown), squeeze=False).ravel()
    for ax, plane, grid in zip(axes, shown, slices, strict=True):
        image = _draw_image(ax, grid, domain, plane, colours, scale)
        ax.set_title(title if len(shown) == 1 else plane.label, fontsize="medium")
    if len(shown) > 1:
        area.suptitle(title, fontsize="medium")
    area.colorbar(image, ax=axes.tolist(), shrink=0.85, aspect=24, pad=0.02, panchor=False)


def draw_history(ax: Axes, history: Mapping[str, ArrayLike], *, iterations: ArrayLike | None = None) -> None:
    """Curves on a logarithmic scale against the iteration; the first, thick and black, is the loss.

    Of more than twelve those that end highest have names and colours, the others are grey.

    Args:
        history: name -> values (k,), one an iteration; all of the same length. Values ≤ 0 leave gaps.
        iterations: (k,) where they were taken; by default 1, 2, …, k.

    Raises:
        DataError: curves of different lengths, or none.
    """
    curves = {name: np.atleast_1d(np.asarray(c, dtype=np.float64)) for name, c in history.items()}
    lengths = {name: len(c) for name, c in curves.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"draw_history was given curves of lengths {lengths}; "
                        "expected one or more, all of the same length.")
    length = next(iter(lengths.values()))
    at = np.arange(1, length + 1) if iterations is None else np.asarray(iterations)
    named = _named(curves)
    colours = dict(zip(named, ["black", *(f"C{k}" for k in range(len(named)))], strict=False))
    lesser = f"{len(curves) - len(named)} others"
    for k, (name, curve) in enumerate(sorted(curves.items(), key=lambda item: item[0] not in named)):
        label = name if name in named else lesser if k == len(named) else None
        ax.plot(at, np.where(curve > 0, curve, np.nan), label=label, linewidth=1.8 if k == 0 else 1.0,
                marker="o" if length <= FEW else "", markersize=3.0, zorder=3 if k == 0 else 2 if name in named else 1,
                color=colours.get(name, OUTSIDE))
    ax.set_yscale("log")
    ax.set_xlim(at[0] - 0.5, at[-1] + 0.5)
    ax.set_xlabel("iteration")
    ax.set_ylabel("loss, residuals (rms)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(True, which="major", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))


def _named(curves: Mapping[str, Array]) -> list[str]:
    """The names of the first curve and of those that end highest, in their order."""
    first, *others = curves
    highest = sorted(others, key=lambda name: -np.nan_to_num(curves[name][-1]))[:MOST_CURVES - 1]
    return [first, *(name for name in others if name in highest)]


def _draw_line(ax: Axes, values: Values, domain: Domain, title: str, resolution: int) -> None:
    (lower, upper), = domain.bounds
    at = np.linspace(lower, upper, 4 * resolution + 1)
    ax.plot(at, _evaluate(values, domain, at[:, None]), linewidth=1.5)
    ax.set_xlim(lower, upper)
    ax.set_xlabel(_label(domain.coordinates[0]))
    ax.set_title(title, fontsize="medium")
    ax.grid(True, color="0.88", linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _slice(values: Values, domain: Domain, plane: Plane, resolution: int) -> Array:
    """Values (rows, columns) at the middles of the cells of a grid over two coordinates, the others fixed."""
    pair = list(plane.along)
    sides = np.diff(domain.bounds[pair], axis=1).ravel()
    counts = np.maximum(np.ceil(resolution * sides / sides.max()).astype(int), resolution // 4)
    along = [low + (np.arange(n) + 0.5) / n * (high - low)
             for n, (low, high) in zip(counts, domain.bounds[pair], strict=True)]
    mesh = np.stack(np.meshgrid(*along), axis=-1).reshape(-1, 2)
    return _evaluate(values, domain, plane.points(mesh)).reshape(counts[1], counts[0])


def _evaluate(values: Values, domain: Domain, points: Array) -> Array:
    inside = domain.contains(points)
    result = np.full(len(points), np.nan)
    given = np.asarray(values(points[inside]), dtype=np.float64)
    if given.shape != (int(inside.sum()),):
        raise DataError(f"a field to plot gave values of shape {given.shape} for {int(inside.sum())} points; "
                        "expected one value for each point.")
    result[inside] = given
    return result


def _colours(values: Array, limits: tuple[float, float] | None, *, signed: bool) -> tuple[Colormap, Normalize]:
    """A perceptual map, or a diverging one centred at 0 where zero means something and the values have both signs."""
    finite = values[np.isfinite(values)]
    low, high = limits or ((float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0))
    signed = signed and low < 0 < high and min(-low, high) > 0.02 * max(-low, high)  # beyond a ripple below zero
    if signed:
        low, high = -max(-low, high), max(-low, high)
    colours = matplotlib.colormaps[SIGNED if signed else UNSIGNED].with_extremes(bad=OUTSIDE)
    return colours, Normalize(low, high)


def _draw_image(ax: Axes, grid: Array, domain: Domain, plane: Plane, colours: Colormap,
                scale: Normalize) -> AxesImage:
    (left, right), (bottom, top) = domain.bounds[list(plane.along)]
    named = [domain.coordinates[k] for k in plane.along]
    ratio = (right - left) / (top - bottom)
    like_lengths = not any(isinstance(c, Time) for c in named) and 1 / STRETCHED < ratio < STRETCHED
    image = ax.imshow(grid, extent=(left, right, bottom, top), origin="lower", cmap=colours, norm=scale,
                      interpolation="nearest", aspect="equal" if like_lengths else "auto")
    outside = np.isnan(grid)
    if outside.any() and not outside.all():  # its steps are hidden under a line
        ax.contour(outside, levels=[0.5], extent=(left, right, bottom, top), colors=EDGE, linewidths=1.0)
    ax.set_xlabel(_label(named[0]))
    ax.set_ylabel(_label(named[1]))
    return image


def _label(coordinate: sympy.Symbol) -> str:
    return f"${sympy.latex(coordinate)}$"
