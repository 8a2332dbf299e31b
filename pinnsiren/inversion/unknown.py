"""Where a medium is unknown: q = log(c/c₀) at some nodes of a grid, and what that makes of the squared slowness at all."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pinnsiren.errors import DomainError
from pinnsiren.surveys.media import Medium
from pinnsiren.surveys.waves import Array, Bounds, WaveGrid

NODES = 12.0  # on the shortest wavelength, of a grid for one of the lower frequencies
FEWEST = 24  # cells of such a grid along an axis
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Unknown:
    """m = m₀ e^{−2q} in a rectangle, with q = 0 outside, or going on as on the rectangle's edge.

    Args:
        grid: of the waves.
        medium: whose background c₀ = m₀^{−½} is known.
        bounds: of the rectangle where q is unknown.
        extended: whether q goes on beyond the rectangle as on its edge, constant along the normal: for layers that reach
            through the sides. Else the medium is known there, q = 0.

    Raises:
        DomainError: the rectangle holds fewer than 4 nodes along an axis.
    """

    grid: WaveGrid
    medium: Medium
    bounds: Bounds
    extended: bool = False

    def __post_init__(self) -> None:
        if min(self.shape) < 4:
            raise DomainError(f"the rectangle {self.bounds} of the unknown medium holds {self.shape} nodes of the "
                              "grid; expected at least 4 along each axis: take a finer grid or a larger rectangle.")

    def coarsened(self, frequency: float) -> "Unknown":
        """The same on a grid with 12 nodes on the shortest wavelength of a frequency in the known medium, or on this one."""
        shortest = 2 * np.pi / (frequency * float(np.sqrt(self.known.max())))
        factor = shortest / (NODES * max(self.grid.spacing))
        if factor <= 1:
            return self
        (nx, ny) = (max(FEWEST, round(n / factor)) for n in self.grid.cells)
        return replace(self, grid=replace(self.grid, cells=(nx, ny)))

    @cached_property
    def _inside(self) -> tuple[Index, Index]:
        x, y = (np.flatnonzero((c >= a) & (c <= b)) for c, (a, b) in zip(self.grid.axes, self.bounds, strict=True))
        return x, y

    @property
    def shape(self) -> tuple[int, int]:
        """Unknown nodes along x and y."""
        return len(self._inside[0]), len(self._inside[1])

    @cached_property
    def nodes(self) -> Array:
        """(M, 2), y fastest."""
        x, y = (c[i] for c, i in zip(self.grid.axes, self._inside, strict=True))
        return np.stack([c.ravel() for c in np.meshgrid(x, y, indexing="ij")], axis=1)

    @cached_property
    def spread(self) -> sparse.csr_matrix:
        """(N, M): q at all nodes of the grid from q at the unknown ones."""
        places = [np.arange(n) for n in self.grid.shape]
        near = [np.clip(p, i[0], i[-1]) - i[0] for p, i in zip(places, self._inside, strict=True)]
        columns = near[0][:, None] * self.shape[1] + near[1][None, :]
        kept = np.ones(self.grid.shape, bool)
        if not self.extended:
            kept = np.outer(*(np.isin(p, i) for p, i in zip(places, self._inside, strict=True)))
        rows = np.flatnonzero(kept.ravel())
        size = (kept.size, self.shape[0] * self.shape[1])
        return sparse.csr_matrix((np.ones(len(rows)), (rows, columns[kept])), shape=size)

    @cached_property
    def known(self) -> Array:
        """m₀ at all nodes of the grid: (N,)."""
        return np.asarray(self.medium.background(self.grid.nodes) ** -2.0)

    def squared_slowness(self, q: Array) -> Array:
        """m at all nodes of the grid from q (M,)."""
        return np.asarray(self.known * np.exp(-2 * (self.spread @ q)))

    def slope(self, q: Array) -> sparse.csr_matrix:
        """∂m/∂q, (N, M)."""
        return sparse.csr_matrix(sparse.diags_array(-2 * self.squared_slowness(q)) @ self.spread)

    def velocity(self, q: Array) -> Array:
        """c at the unknown nodes: (M,)."""
        return np.asarray(self.medium.background(self.nodes) * np.exp(q))

    @cached_property
    def differences(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """∂q/∂x and ∂q/∂y at the unknown nodes, one-sided, 0 at the last ones: (M, M) each."""
        first = []
        for n, h in zip(self.shape, self.grid.spacing, strict=True):
            step = sparse.lil_array((n, n))
            step.setdiag(-1 / h)
            step.setdiag(1 / h, 1)
            step[n - 1, n - 1] = 0
            first.append(step)
        (dx, dy), (nx, ny) = first, self.shape
        return (sparse.csr_matrix(sparse.kron(dx, sparse.eye_array(ny))),
                sparse.csr_matrix(sparse.kron(sparse.eye_array(nx), dy)))
