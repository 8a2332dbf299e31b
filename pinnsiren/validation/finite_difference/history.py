"""What an evolution leaves behind: values on a grid of space × time, and interpolation between them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pinnsiren.sampling import Points
from pinnsiren.validation.finite_difference.evolution_form import EvolutionForm
from pinnsiren.validation.finite_difference.grid import TensorGrid
from pinnsiren.validation.finite_difference.stencils import Array, Grid1D

# Twelve instants for each interpolation in time: its error (Δt)¹² stays below that of the steps. With more of them the
# ends, where windows are one-sided, amplify rounding.
WINDOW = 12
LARGEST = 10_000_000  # numbers of the state kept, 80 MB, of which the integrators hold copies
FEWEST, MOST = 128, 512  # instants, of which windows with fewer would see too little of an oscillation


@dataclass(frozen=True)
class Instants:
    """Instants at which values are kept: uniform, or denser at the beginning, where diffusion changes fastest.

    Graded ones are start + (stop − start) s² for uniform s, in which a decay is as smooth as elsewhere.
    """

    span: tuple[float, float]
    count: int
    graded: bool

    @property
    def times(self) -> Array:
        start, stop = self.span
        s = np.linspace(0, 1, self.count)
        times = start + (stop - start) * (s**2 if self.graded else s)
        times[-1] = stop
        return times

    def place(self, times: Array) -> Array:
        """The uniform variable s in [0, 1] of times."""
        start, stop = self.span
        share = np.clip((times - start) / (stop - start), 0, 1)
        return np.sqrt(share) if self.graded else share

    @property
    def axis(self) -> Grid1D:
        steps = np.arange(self.count, dtype=np.float64)
        return Grid1D(np.linspace(0, 1, self.count), steps, 1 / (self.count - 1), WINDOW - 2)


@dataclass(frozen=True, eq=False)
class History:
    """Values of all fields at the nodes of a grid in space, instant after instant.

    Attributes:
        values: (instants, fields, N).
    """

    form: EvolutionForm
    grid: TensorGrid
    instants: Instants
    values: Array

    def __call__(self, field: int, points: Points) -> Array:
        """Values (n,) of the field at that place among the form's fields."""
        columns = [self.instants.place(points.values[:, points.coordinates.index(self.form.time)])]
        columns += [points.values[:, points.coordinates.index(c)] for c in self.form.axes]
        return self._space_time.interpolate(np.ascontiguousarray(self.values[:, field]), np.stack(columns, axis=1))

    @cached_property
    def _space_time(self) -> TensorGrid:
        return TensorGrid((self.instants.axis, *self.grid.axes))


def instants_for(form: EvolutionForm, grid: TensorGrid, *, share: float, graded: bool) -> Instants:
    """A share of twice as many instants as the longest axis has nodes, within what memory and use allow."""
    affordable = LARGEST // (sum(form.orders.values()) * len(grid))
    count = np.clip(2 * max(grid.shape), FEWEST, min(MOST, max(affordable, FEWEST)))
    return Instants(form.span, max(WINDOW, round(share * float(count))), graded)
