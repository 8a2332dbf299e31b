"""A tensor grid on a box: nodes, faces, mixed partial derivatives as Kronecker products, interpolation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pinnsiren.validation.finite_difference.stencils import Array, Grid1D, chebyshev_axis, fourier_axis, uniform_axis

LARGEST_GATHER = 2_000_000  # numbers held at once while interpolating: 16 MB


@dataclass(frozen=True)
class Face:
    """The side of a box where one coordinate has its lower or upper value."""

    axis: int
    upper: bool

    def normal(self, dimension: int) -> Array:
        """The outward unit normal (d,)."""
        normal = np.zeros(dimension)
        normal[self.axis] = 1 if self.upper else -1
        return normal


@dataclass(frozen=True, eq=False)
class TensorGrid:
    """The product of d one-dimensional grids; node arrays run with the last axis fastest (C order).

    Attributes:
        axes: one for each coordinate.
        cut: (N,) on which side of a domain's boundary each node lies (−1 inside, 0 on it, +1 outside) where the domain
            is a part of the box whose faces lie on grid lines; None for the whole box.
    """

    axes: tuple[Grid1D, ...]
    cut: npt.NDArray[np.int8] | None = None

    @property
    def dimension(self) -> int:
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(a) for a in self.axes)

    def __len__(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def nodes(self) -> Array:
        """(N, d) in the coordinates' units."""
        return np.stack([m.ravel() for m in np.meshgrid(*[a.nodes for a in self.axes], indexing="ij")], axis=1)

    @cached_property
    def sides(self) -> npt.NDArray[np.int8]:
        """(N,) −1 for nodes strictly inside, 0 on the boundary, +1 outside."""
        if self.cut is not None:
            return self.cut
        on_faces = np.sum([self.on_face(face) for face in self.faces], axis=0) if self.faces else np.zeros(len(self))
        return np.where(on_faces > 0, 0, -1).astype(np.int8)

    @property
    def faces(self) -> tuple[Face, ...]:
        """The sides of the box; none across a periodic axis."""
        return tuple(Face(i, upper) for i, axis in enumerate(self.axes) if not axis.periodic for upper in (False, True))

    def on_face(self, face: Face) -> npt.NDArray[np.bool_]:
        """(N,) which nodes lie on a face, its edges and corners included."""
        last = self.shape[face.axis] - 1
        index = np.indices(self.shape)[face.axis].ravel()
        mask: npt.NDArray[np.bool_] = index == (last if face.upper else 0)
        return mask

    def next_to(self, face: Face) -> npt.NDArray[np.bool_]:
        """(N,) which nodes are the first ones inside a face."""
        last = self.shape[face.axis] - 1
        mask: npt.NDArray[np.bool_] = np.indices(self.shape)[face.axis].ravel() == (last - 1 if face.upper else 1)
        return mask

    def partial(self, orders: tuple[int, ...], accuracy: int | None = None) -> sparse.csr_matrix:
        """∂^α as an (N, N) matrix: the Kronecker product of one-dimensional derivatives, one order for each axis."""
        matrices = [axis.derivative(k, accuracy) for axis, k in zip(self.axes, orders, strict=True)]
        return reduce(lambda a, b: sparse.kron(a, b, format="csr"), matrices)

    def interpolate(self, values: Array, points: Array) -> Array:
        """Values (m,) at points (m, d) of the domain from values (N,) at the nodes, by tensor Lagrange interpolation.

        On a part of a box it is linear along each axis: the cell of a point lies in the domain, wider windows do not.
        """
        width = None if self.cut is None else 2
        windows = [axis.interpolation(points[:, i], width) for i, axis in enumerate(self.axes)]
        size = int(np.prod([w.shape[1] for _, w in windows]))
        chunk = max(1, LARGEST_GATHER // size)
        pieces = [self._gather(values.reshape(self.shape), [(s[i:i + chunk], w[i:i + chunk]) for s, w in windows])
                  for i in range(0, len(points), chunk)]
        return np.concatenate(pieces) if pieces else np.empty(0)

    def _gather(self, values: Array, windows: list[tuple[npt.NDArray[np.intp], Array]]) -> Array:
        index = []
        for axis, (start, weights) in enumerate(windows):
            shape = [len(start)] + [1] * self.dimension
            shape[axis + 1] = weights.shape[1]
            nodes = (start[:, None] + np.arange(weights.shape[1])) % self.shape[axis]  # a window may go round a circle
            index.append(nodes.reshape(shape))
        found: Array = values[tuple(index)]
        for _, weights in reversed(windows):  # the last axis first: each contraction removes it
            extra = (1,) * (found.ndim - 2)
            found = (found * weights.reshape(len(weights), *extra, -1)).sum(axis=-1)
        return found


def uniform_grid(bounds: Array, cells: int, order: int, periodic: Sequence[bool] | None = None) -> TensorGrid:
    """The same number of cells along every axis of bounds (d, 2), with finite differences of order 2, 4 or 6.

    Args:
        periodic: which axes are circles; none by default.
    """
    circles = [False] * len(bounds) if periodic is None else periodic
    return TensorGrid(tuple(uniform_axis(float(a), float(b), cells, order, periodic=circle)
                            for (a, b), circle in zip(bounds, circles, strict=True)))


def spectral_grid(bounds: Array, nodes: int, periodic: Sequence[bool] | None = None) -> TensorGrid:
    """The same number of collocation points along every axis of bounds (d, 2): Chebyshev's, and Fourier's on circles.

    Args:
        periodic: which axes are circles; none by default.
    """
    circles = [False] * len(bounds) if periodic is None else periodic
    return TensorGrid(tuple((fourier_axis if circle else chebyshev_axis)(float(a), float(b), nodes)
                            for (a, b), circle in zip(bounds, circles, strict=True)))
