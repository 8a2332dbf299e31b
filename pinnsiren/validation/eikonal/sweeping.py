"""First arrivals to first order: Godunov's upwind scheme for |∇T| = s, swept over a grid in all of its diagonal directions.

All nodes with the same sum of indices depend on earlier sums only, so that each of them is one numpy operation.
Reference: Zhao, A fast sweeping method for eikonal equations, Math. Comp. 74 (2005).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import numpy.typing as npt

from pinnsiren.errors import ReferenceError

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

MOST_ROUNDS = 60  # of sweeps in all directions; each follows the rays round one more bend
SETTLED = 1e-12  # of the largest arrival


@dataclass(frozen=True, eq=False)
class Lattice:
    """A uniform grid on a box with a frame of two more nodes on every side, which are never reached: T = ∞ there.

    Values are flat arrays over grid and frame, so that the neighbours of node i along axis k are i ± strides[k], and
    those two steps away exist too.

    Attributes:
        axes: the grid's nodes along each coordinate, equidistant.
    """

    axes: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid without its frame."""
        return tuple(map(len, self.axes))

    @property
    def spacing(self) -> tuple[float, ...]:
        return tuple(float(a[-1] - a[0]) / (len(a) - 1) for a in self.axes)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        framed = [n + 4 for n in self.shape]
        return tuple(int(np.prod(framed[k + 1:])) for k in range(len(framed)))

    @property
    def size(self) -> int:
        """Of the flat arrays, frame included."""
        return int(np.prod([n + 4 for n in self.shape]))

    @cached_property
    def nodes(self) -> Index:
        """(N,) where the grid's nodes lie in the flat arrays, the last axis fastest."""
        grids = np.meshgrid(*[(np.arange(n) + 2) * s for n, s in zip(self.shape, self.strides, strict=True)], indexing="ij")
        return np.asarray(sum(g.ravel() for g in grids), dtype=np.intp)

    @cached_property
    def places(self) -> Array:
        """(N, d) coordinates of the nodes."""
        return np.stack([g.ravel() for g in np.meshgrid(*self.axes, indexing="ij")], axis=1)

    def framed(self, values: Array, outside: float) -> Array:
        """Values (N,) at the nodes as a flat array with its frame."""
        flat = np.full(self.size, outside)
        flat[self.nodes] = values
        return flat

    def fronts(self, some: Mask) -> Iterator[Sequence[Index]]:
        """Some of the nodes as fronts of equal Σ ± i_k, for half of the directions; reversed they serve the opposite ones."""
        indices = np.indices(self.shape).reshape(len(self.shape), -1)[:, some]
        for signs in product((1, -1), repeat=len(self.shape) - 1):
            level = indices[0] + sum(s * i for s, i in zip(signs, indices[1:], strict=True))
            order = np.argsort(level, kind="stable")
            cuts = np.flatnonzero(np.diff(level[order])) + 1
            yield np.split(self.nodes[some][order], cuts)


def first_arrivals(lattice: Lattice, slowness: Array, start: Array) -> Array:
    """T at the nodes (N,), to first order, from given values at some of them.

    Args:
        slowness: s (N,) > 0, time per length.
        start: (N,) T where it is known, ∞ elsewhere.
    Raises:
        ReferenceError: the sweeps do not settle.
    """
    arrivals = lattice.framed(start, np.inf)
    slow = lattice.framed(slowness, np.inf)
    directions = list(lattice.fronts(~np.isfinite(start)))
    for _ in range(MOST_ROUNDS):
        before = arrivals.copy()
        for fronts in directions:
            for front in (*fronts, *reversed(fronts)):
                _update(arrivals, slow, front, lattice=lattice)
        reached = np.isfinite(arrivals)
        if np.isfinite(before[reached]).all() and np.all(
                before[reached] - arrivals[reached] <= SETTLED * arrivals[reached].max()):
            return arrivals[lattice.nodes]
    raise ReferenceError(f"fast sweeping did not settle in {MOST_ROUNDS} rounds: rays wind too often. Give problem.exact, "
                         "or a table of values by Tabulated.")


def _update(arrivals: Array, slowness: Array, front: Index, *, lattice: Lattice) -> None:
    """Solve Σ_k max(0, (T − m_k)/h_k)² = s² at the nodes of a front, m_k the earlier neighbour along axis k."""
    earlier = np.stack([np.minimum(arrivals[front - s], arrivals[front + s]) for s in lattice.strides])
    weights = np.array([h**-2 for h in lattice.spacing])[:, None] * np.ones(len(front))
    order = np.argsort(earlier, axis=0)
    earlier, weights = (np.take_along_axis(a, order, axis=0) for a in (earlier, weights))
    s = slowness[front]
    found = earlier[0] + s / np.sqrt(weights[0])
    with np.errstate(invalid="ignore"):  # ∞ − ∞ where nothing has arrived: compared as false
        for k in range(1, len(earlier)):
            a = weights[:k + 1].sum(axis=0)
            # relative to the earliest neighbour, so that no digits are lost far from the source
            shifted = earlier[:k + 1] - earlier[0]
            b = (weights[:k + 1] * shifted).sum(axis=0)
            c = (weights[:k + 1] * shifted**2).sum(axis=0) - s**2
            further = earlier[0] + (b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a
            found = np.where(found > earlier[k], further, found)
    arrivals[front] = np.minimum(arrivals[front], found)
