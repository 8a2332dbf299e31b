"""Pictures of spaces of functions: images beside what was seen of them, solutions beside their errors."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pinnsiren.experiments.families import SQUARE, Members, U
from pinnsiren.sampling import Points
from pinnsiren.signals.patches import Patches
from pinnsiren.space import Space

Array = NDArray[np.float64]

SHOWN = 4  # images
GRID = 61  # points along a side of a solution's picture
UNSEEN = 0.85  # grey of pixels that are not seen
DPI = 120


def draw_images(patches: Patches, test: Sequence[int], found: Mapping[tuple[str, int], Sequence[Array]],
                contexts: Mapping[int, Sequence[NDArray[np.int64]]], path: Path) -> None:
    """For each image and number of pixels: what is seen, and what each method makes of it."""
    methods = list(dict.fromkeys(name for name, _ in found))
    columns = [("original", 0), *((m, k) for k in contexts for m in ("seen", *methods))]
    shown = min(SHOWN, len(test))
    figure = Figure(figsize=(1.05 * len(columns), 1.2 * shown + 0.3), layout="constrained")
    axes = figure.subplots(shown, len(columns), squeeze=False)
    for row in range(shown):
        original = patches.values[test[row]]
        for place, (method, k) in zip(axes[row], columns, strict=True):
            image = original if k == 0 else _seen(original, contexts[k][row]) if method == "seen" else found[method, k][row]
            place.imshow(np.clip(image / 2 + 0.5, 0, 1))
            place.set_axis_off()
            if row == 0:
                place.set_title(method if k == 0 else f"{k} pixels" if method == "seen" else method, fontsize=7)
    figure.savefig(path, dpi=DPI)


def draw_solutions(members: Members, space: Space, numbers: Sequence[int], exact: Callable[[int, Points], Array],
                   path: Path) -> None:
    """For each member: what varies, the solution, one pass, and its error."""
    ends = np.linspace(-1, 1, GRID)
    places = np.stack([c.ravel() for c in np.meshgrid(ends, ends)], axis=1)
    inside = 0.999 * places  # a reference has values inside
    figure = Figure(figsize=(9.2, 2.1 * len(numbers) + 0.2), layout="constrained")
    axes = figure.subplots(len(numbers), 4, squeeze=False)
    for row, number in zip(axes, numbers, strict=True):
        expected = exact(number, Points(SQUARE.coordinates, inside))
        whole = members.instance(number)
        found = space.solution(whole, given=whole)(U, inside)
        top = float(np.abs(expected).max())
        relative = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        _field(row[0], members.shown(number, places), f"{members.observed[0]}, given", None)
        _field(row[1], expected, "Chebyshev collocation", top)
        _field(row[2], found, "one pass, conditioned", top)
        _field(row[3], found - expected, f"error: {relative:.1%}", None)
    axes[0, 0].set_ylabel(f"{members.title}", fontsize=8)
    figure.savefig(path, dpi=DPI)


def _seen(image: Array, rows: NDArray[np.int64]) -> Array:
    shown = np.full_like(image, 2 * UNSEEN - 1).reshape(-1, 3)
    shown[rows] = image.reshape(-1, 3)[rows]
    return shown.reshape(image.shape)


def _field(place: Axes, values: Array, title: str, top: float | None) -> None:
    limit = float(np.abs(values).max()) if top is None else top
    picture = place.imshow(values.reshape(GRID, GRID), origin="lower", extent=(-1, 1, -1, 1), cmap="RdBu_r", vmin=-limit,
                           vmax=limit)
    place.figure.colorbar(picture, ax=place, shrink=0.85).ax.tick_params(labelsize=6)
    place.set_title(title, fontsize=8)
    place.set_xticks([])
    place.set_yticks([])
