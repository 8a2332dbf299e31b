"""Helmholtz's equation with a PML on a grid of its own, in numpy and scipy alone: for data, and for what inverts them.

∂_x(e_y/e_x ∂_x u) + ∂_y(e_x/e_y ∂_y u) + e_x e_y k² m u = f, e = 1 − i a₀ (d/L)², fields ∝ e^{+iωt} (Sitzmann et al. 2020).
The first derivatives are staggered, of order 2, 4 or 6, so that the matrix is symmetric: a source and a receiver can change
places, and the adjoint equation has the factors of the equation itself.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from pinnsiren.errors import SolveError

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
Bounds = tuple[tuple[float, float], tuple[float, float]]

STAGGERED = {2: (1.0,), 4: (9 / 8, -1 / 24), 6: (75 / 64, -25 / 384, 3 / 640)}  # weights of f(±h/2), f(±3h/2), … in h f'(0)
POINTS = {2: 10.0, 4: 5.0, 6: 4.0}  # nodes on the shortest wavelength: fewer leave a tenth of the field wrong after 3 of them
WINDOW = 6  # nodes of a source or receiver along each axis: Lagrange's polynomials of degree 5


@dataclass(frozen=True)
class WaveGrid:
    """A uniform grid on a rectangle with a PML along all of its sides, and u = 0 behind it.

    Args:
        bounds: ((x₀, x₁), (y₀, y₁)), layers included, in the unit of length.
        cells: along x and y, at least 16 each.
        thickness: L of the layers.
        strength: a₀, dimensionless.
        order: 2, 4 or 6, of the differences.

    Node arrays (N,) run over the inner nodes, y fastest.

    Raises:
        SolveError: another order, or too few cells.
    """

    bounds: Bounds
    cells: tuple[int, int]
    thickness: float = 0.5
    strength: float = 5.0
    order: int = 4

    def __post_init__(self) -> None:
        if self.order not in STAGGERED:
            raise SolveError(f"a wave grid of order {self.order!r}; expected one of {tuple(STAGGERED)}.")
        if min(self.cells) < 16:
            raise SolveError(f"a wave grid of {self.cells} cells; expected at least 16 along each axis.")

    @property
    def spacing(self) -> tuple[float, float]:
        """(h_x, h_y)."""
        (hx, hy) = ((b - a) / n for (a, b), n in zip(self.bounds, self.cells, strict=True))
        return hx, hy

    @property
    def shape(self) -> tuple[int, int]:
        """Inner nodes along x and y."""
        return self.cells[0] - 1, self.cells[1] - 1

    @property
    def axes(self) -> tuple[Array, Array]:
        """The inner nodes' coordinates along x and along y."""
        x, y = (np.linspace(a, b, n + 1)[1:-1] for (a, b), n in zip(self.bounds, self.cells, strict=True))
        return x, y

    @cached_property
    def nodes(self) -> Array:
        """(N, 2)."""
        return np.stack([c.ravel() for c in np.meshgrid(*self.axes, indexing="ij")], axis=1)

    @cached_property
    def mass(self) -> Complex:
        """e_x e_y at the nodes, (N,): what k² m and f are multiplied by."""
        ex, ey = (self._stretch(i, c) for i, c in enumerate(self.axes))
        return np.outer(ex, ey).ravel()

    @cached_property
    def stiffness(self) -> sparse.csc_matrix:
        """The second derivatives, (N, N), symmetric."""
        ex, ey = (sparse.diags_array(self._stretch(i, c)) for i, c in enumerate(self.axes))
        return sparse.csc_matrix(sparse.kron(self._second(0), ey) + sparse.kron(ex, self._second(1)))

    def interpolation(self, points: Array) -> sparse.csr_matrix:
        """(n, N): values at points from values at the nodes, by polynomials of degree 5 along each axis.

        Its transpose over h_x h_y is a source at each point: the moments up to the fifth are those of Dirac's δ.
        """
        windows = [_lagrange(axis, points[:, i]) for i, axis in enumerate(self.axes)]
        (first, wx), (second, wy) = windows
        steps = np.arange(WINDOW)
        columns = (first[:, None] + steps)[:, :, None] * self.shape[1] + (second[:, None] + steps)[:, None, :]
        rows = np.repeat(np.arange(len(points)), WINDOW**2)
        weights = wx[:, :, None] * wy[:, None, :]
        size = (len(points), self.shape[0] * self.shape[1])
        return sparse.csr_matrix((weights.ravel(), (rows, columns.ravel())), shape=size)

    def sources(self, points: Array) -> Array:
        """The right-hand sides (N, n) of unit point sources."""
        hx, hy = self.spacing
        return np.asarray(self.interpolation(points).T.toarray() / (hx * hy))

    def waves(self, wavenumber: float, squared_slowness: Array) -> "Waves":
        """The factorised equation for k and m.

        Args:
            wavenumber: k where m = 1, in the inverse unit of length; the angular frequency where m has the unit of 1/c².
            squared_slowness: m at the nodes (N,), > 0.
        Raises:
            SolveError: m is not positive and finite, or a wavelength has too few nodes; the message says how many it needs.
        """
        if not (np.all(np.isfinite(squared_slowness)) and np.all(squared_slowness > 0)):
            raise SolveError("the squared slowness of a medium is not positive and finite at all nodes; give velocities > 0.")
        shortest = 2 * np.pi / (wavenumber * float(np.sqrt(squared_slowness.max())))
        points = shortest / max(self.spacing)
        if points < POINTS[self.order]:
            enough = tuple(int(np.ceil(n * POINTS[self.order] / points)) for n in self.cells)
            raise SolveError(f"at the wavenumber {wavenumber:g} the shortest wavelength, {shortest:.3g}, has {points:.2g} "
                             f"nodes of a grid of {self.cells} cells; order {self.order} needs {POINTS[self.order]:g}: take at "
                             f"least {enough} cells, or lower frequencies.")
        return Waves(self, wavenumber, squared_slowness)

    def slowest(self, wavenumber: float) -> float:
        """The largest squared slowness whose waves have enough nodes."""
        return float((2 * np.pi / (wavenumber * POINTS[self.order] * max(self.spacing))) ** 2)

    def _stretch(self, axis: int, places: npt.NDArray[np.floating]) -> Complex:
        a, b = self.bounds[axis]
        depth = np.maximum(np.maximum(a + self.thickness - places, places - b + self.thickness), 0)
        return np.asarray(1 - 1j * self.strength * (depth / self.thickness) ** 2)

    def _second(self, axis: int) -> sparse.csc_matrix:
        """∂(1/e ∂) along an axis, −Dᵀ diag(1/e) D, D from the inner nodes to the middles of the cells; u = 0 outside."""
        (a, _), n, h = self.bounds[axis], self.cells[axis], self.spacing[axis]
        weights = STAGGERED[self.order]
        middles = self._stretch(axis, a + h * (np.arange(n) + 0.5))
        diagonals = [s * w / h for w in weights for s in (1.0, -1.0)]
        offsets = [o for j in range(len(weights)) for o in (j, -j - 1)]
        first = sparse.diags_array(diagonals, offsets=offsets, shape=(n, n - 1), dtype=np.float64)
        return sparse.csc_matrix(-(first.T @ sparse.diags_array(1 / middles) @ first))


@dataclass(frozen=True, eq=False)
class Waves:
    """The equation at one frequency in one medium, with its sparse factors. Symmetric: Aᵀ = A.

    Args:
        grid, wavenumber, squared_slowness: see :meth:`WaveGrid.waves`.
    """

    grid: WaveGrid
    wavenumber: float
    squared_slowness: Array
    factors: SuperLU = field(init=False, repr=False)

    def __post_init__(self) -> None:
        diagonal = self.wavenumber**2 * self.grid.mass * self.squared_slowness
        matrix = sparse.csc_matrix(self.grid.stiffness + sparse.diags_array(diagonal))
        # the matrix is symmetric: its own pattern orders it, and pivots stay on the diagonal
        object.__setattr__(self, "factors", splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=1e-3,
                                                 options={"SymmetricMode": True}))

    def solve(self, right: npt.ArrayLike) -> Complex:
        """A⁻¹b for right-hand sides (N,) or (N, n)."""
        return np.asarray(self.factors.solve(np.ascontiguousarray(right, dtype=np.complex128)))

    @property
    def slope(self) -> Complex:
        """∂A/∂m at the nodes, the diagonal k² e_x e_y: (N,)."""
        return np.asarray(self.wavenumber**2 * self.grid.mass)


def _lagrange(axis: Array, places: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """For each place the first of its nearest nodes, and their Lagrange weights (n, WINDOW)."""
    h = axis[1] - axis[0]
    local = (places - axis[0]) / h
    first = np.clip(np.floor(local).astype(np.intp) - WINDOW // 2 + 1, 0, len(axis) - WINDOW)
    gaps = (local - first)[:, None] - np.arange(WINDOW)
    weights = np.ones((len(places), WINDOW))
    for i in range(WINDOW):
        for j in range(WINDOW):
            if i != j:
                weights[:, i] *= gaps[:, j] / (i - j)
    return first, weights
