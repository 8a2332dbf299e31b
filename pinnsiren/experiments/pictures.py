"""Fields on pixels as pictures: what a problem on the pixels of an image was given, and what a solution makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pinnsiren.domains import PointSet
from pinnsiren.domains.lattice import Lattice
from pinnsiren.errors import DataError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.solution import Solution
from pinnsiren.symbols import Data

DPI = 150
PANEL = 3.2  # inches, of one picture


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels that a problem is about: rows from the top, columns from the left.

    Args:
        points: (rows · columns, 2), in the order of the picture.
        shape: rows and columns.
        spacing: of the pixels along x and y.
    """

    points: Array
    shape: tuple[int, int]
    spacing: tuple[float, float]
    region: PointSet
    order: NDArray[np.intp]  # of the region's points in the picture

    @classmethod
    def of(cls, problem: Problem) -> "Pixels":
        """Of the point set that has all of them.

        Raises:
            DataError: no point set of the problem is a full grid in two dimensions.
        """
        regions = [problem.compared, *(c.region for c in problem.constraints)]
        for region in regions:
            if isinstance(region, PointSet) and len(region.coordinates) == 2:
                lattice = Lattice.of(region.values)
                if lattice is not None and np.prod(lattice.counts) == len(region):
                    x, y = lattice.places(region.values)
                    columns, rows = lattice.counts
                    order, (hx, hy) = np.lexsort((x, -y)), lattice.spacing
                    return cls(region.values[order], (rows, columns), (float(hx), float(hy)), region, order)
        raise DataError(f"problem {problem.name} has no points that are the pixels of a picture.")

    def column(self, symbol: Data) -> Array:
        """A data column as a picture (rows, columns)."""
        return dict(self.region.columns)[symbol][self.order].reshape(self.shape)

    def given(self, problem: Problem) -> Array:
        """The exact values of all fields, (rows, columns) or (rows, columns, fields)."""
        return _stacked([self.column(symbol) for symbol in (problem.exact or {}).values()])

    def values(self, solution: Solution, expressions: Sequence[object] | None = None, finer: int = 1) -> Array:
        """The fields, or expressions of them, at the pixels or at those of a picture so many times as fine."""
        points = self.points if finer == 1 else self.finer(finer)
        shape = tuple(finer * n for n in self.shape)
        wanted = solution.problem.fields if expressions is None else expressions
        return _stacked([np.asarray(solution.evaluate(e, points)).reshape(shape) for e in wanted])

    def finer(self, factor: int) -> Array:
        """The centres of pixels ``factor`` times as fine, in the same order."""
        (left, top), (hx, hy) = self.points[0], self.spacing
        rows, columns = (factor * n for n in self.shape)
        x = left - hx / 2 + (np.arange(columns) + 0.5) * hx / factor
        y = top + hy / 2 - (np.arange(rows) + 0.5) * hy / factor
        # the outermost of them lie outside the outermost centres, where nothing is known
        x, y = np.clip(x, left, left + (self.shape[1] - 1) * hx), np.clip(y, top - (self.shape[0] - 1) * hy, top)
        grid = np.meshgrid(x, y)
        return np.stack([g.ravel() for g in grid], axis=1)


def draw(path: Path, panels: Mapping[str, Array], *, columns: int | None = None, title: str = "") -> None:
    """Pictures side by side: colours as they are, grey values from 0 to 1 or, where they leave that, over their own range."""
    columns = min(len(panels), columns or 4)
    rows = -(-len(panels) // columns)
    height, width = next(iter(panels.values())).shape[:2]
    figure = Figure(figsize=(PANEL * columns, (PANEL * height / width + 0.35) * rows + 0.3 * bool(title)), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, (name, values) in zip(axes, panels.items(), strict=False):
        shown, low, high = _shown(values)
        ax.imshow(shown, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        ax.set_title(name, fontsize="small")
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=DPI)


def _shown(values: Array) -> tuple[Array, float, float]:
    """Values for imshow, and the ends of the grey scale: outliers, half a percent each way, are cut off."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if values.ndim == 3 or (low > -0.5 and high < 1.5):
        return np.clip(values, 0, 1), 0.0, 1.0
    return values, float(np.nanquantile(values, 0.005)), float(np.nanquantile(values, 0.995))


def _stacked(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
