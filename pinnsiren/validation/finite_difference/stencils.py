"""One axis of a grid: its nodes, and sparse matrices that differentiate on them to a chosen order."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from scipy.special import comb

from pinnsiren.errors import ReferenceError

Array = npt.NDArray[np.float64]

ORDERS = (2, 4, 6)
HIGHEST_DERIVATIVE = 4


@dataclass(frozen=True, eq=False)
class Grid1D:
    """Nodes of one axis with the rule that differentiates on them. Lengths in the coordinate's own unit.

    Attributes:
        nodes: (n,) increasing; the first and the last are the ends of the interval. Of a periodic axis the upper end,
            which is its lower end again, is left out.
        positions: (n,) the same nodes as integers (uniform) or on [−1, 1] (Chebyshev), free of the ends' rounding.
        scale: length of one unit of ``positions``.
        order: 2, 4 or 6 for finite differences; None for spectral collocation: Fourier's on a periodic axis, else
            Chebyshev's.
        periodic: whether the nodes are a circle.
    """

    nodes: Array
    positions: Array
    scale: float
    order: int | None
    periodic: bool = False

    def __len__(self) -> int:
        return len(self.nodes)

    def derivative(self, k: int, accuracy: int | None = None) -> sparse.csr_matrix:
        """The (n, n) matrix of d^k/dx^k, 0 ≤ k ≤ 4.

        Finite differences: centred inside; where that does not fit, one-sided with the same order of accuracy. On a
        circle they fit everywhere.

        Args:
            accuracy: order of finite differences to use on these nodes in place of the axis's own rule.
        Raises:
            ReferenceError: k is above 4, or the axis has fewer nodes than the stencil.
        """
        if k == 0:
            return sparse.csr_matrix(sparse.eye_array(len(self)))
        if not 0 < k <= HIGHEST_DERIVATIVE:
            raise ReferenceError(f"a derivative of order {k} was asked of a grid; grids give orders 0 to "
                                 f"{HIGHEST_DERIVATIVE}.")
        order = accuracy or self.order
        if order is None:
            rule = _fourier_matrix if self.periodic else _chebyshev_matrix
            return sparse.csr_matrix(rule(len(self), k) / self.scale**k)
        matrix = _circulant_stencil(len(self), k, order) if self.periodic else _stencil_matrix(self.positions, k, order)
        return sparse.csr_matrix(matrix * self.scale**-k)

    def interpolation(self, points: Array, width: int | None = None) -> tuple[npt.NDArray[np.intp], Array]:
        """Lagrange weights at points of the interval.

        All nodes for collocation; for finite differences of order p the p + 2 nearest nodes, so that the interpolation's
        error h^(p+2) does not spoil the scheme's h^p.

        Args:
            points: (m,) in the coordinate's unit.
            width: another number of nodes, on a uniform grid.
        Returns:
            the first node of each point's window (m,), and the weights (m, w) of its w nodes. On a circle a window may
            begin before the first node or end after the last one: nodes are counted modulo n.
        """
        if width is None:
            width = len(self) if self.order is None else min(self.order + 2, len(self))
        places = self.positions[0] + (points - self.nodes[0]) / self.scale
        left = np.searchsorted(self.nodes, points, side="right") - width // 2
        if self.periodic and width == len(self):
            return np.zeros(len(points), np.intp), _trigonometric(places, width)
        if self.periodic:
            windows = (left[:, None] + np.arange(width)).astype(np.float64)
            return left, _lagrange(places, windows, _barycentric_weights(width, spectral=False))
        start = np.clip(left, 0, len(self) - width)
        windows = self.positions[start[:, None] + np.arange(width)]
        return start, _lagrange(places, windows, _barycentric_weights(width, spectral=self.order is None))


def uniform_axis(low: float, high: float, cells: int, order: int, *, periodic: bool = False) -> Grid1D:
    """cells + 1 equidistant nodes of [low, high], cells on a circle, with finite differences of order 2, 4 or 6.

    Raises:
        ReferenceError: another order, or too few cells for the order.
    """
    if order not in ORDERS:
        raise ReferenceError(f"finite differences of order {order!r}; expected one of {ORDERS}.")
    if cells < order + 2:
        raise ReferenceError(f"finite differences of order {order} on {cells} cells; expected at least "
                             f"{order + 2} cells.")
    count = cells if periodic else cells + 1
    steps = np.arange(count, dtype=np.float64)
    return Grid1D(np.linspace(low, high, cells + 1)[:count], steps, (high - low) / cells, order, periodic)


def chebyshev_axis(low: float, high: float, nodes: int) -> Grid1D:
    """Chebyshev extreme points x_j = −cos(πj/(n−1)) mapped to [low, high], with spectral collocation.

    Raises:
        ReferenceError: fewer than 4 nodes.
    """
    if nodes < 4:
        raise ReferenceError(f"Chebyshev collocation on {nodes} nodes; expected at least 4.")
    positions = -np.sin(np.pi * np.arange(nodes - 1, -nodes, -2) / (2 * (nodes - 1)))
    mapped = (low + high) / 2 + (high - low) / 2 * positions
    mapped[0], mapped[-1] = low, high
    return Grid1D(mapped, positions, (high - low) / 2, None)


def fourier_axis(low: float, high: float, nodes: int) -> Grid1D:
    """Equidistant nodes on the circle [low, high) with spectral collocation; an odd number, one more if need be.

    An even number of nodes would have a highest wave that d/dx does not see.

    Raises:
        ReferenceError: fewer than 4 nodes.
    """
    if nodes < 4:
        raise ReferenceError(f"Fourier collocation on {nodes} nodes; expected at least 4.")
    count = nodes | 1
    scale = (high - low) / count
    steps = np.arange(count, dtype=np.float64)
    return Grid1D(low + scale * steps, steps, scale, None, periodic=True)


def fornberg_weights(offsets: Array, highest: int) -> Array:
    """Weights that give f(0), f'(0), …, f^(highest)(0) from values at nodes, exact for polynomials of degree w − 1.

    Args:
        offsets: (rows, w) positions of each row's w nodes relative to the point of differentiation.
        highest: largest derivative.
    Returns:
        (rows, highest + 1, w).
    Reference: Fornberg, Generation of finite difference formulas on arbitrarily spaced grids, Math. Comp. 51 (1988).
    """
    rows, width = offsets.shape
    weights = np.zeros((rows, width, highest + 1))
    weights[:, 0, 0] = 1
    orders = np.arange(highest + 1)
    before = np.ones(rows)
    for i in range(1, width):
        product = np.prod(offsets[:, i, None] - offsets[:, :i], axis=1)
        newest = orders * _shifted(weights[:, i - 1]) - offsets[:, i - 1, None] * weights[:, i - 1]
        for j in range(i):
            gap = (offsets[:, i] - offsets[:, j])[:, None]
            weights[:, j] = (offsets[:, i, None] * weights[:, j] - orders * _shifted(weights[:, j])) / gap
        weights[:, i] = (before / product)[:, None] * newest
        before = product
    return weights.transpose(0, 2, 1)


def _shifted(rows: Array) -> Array:
    """Each row moved one place to the right: the weights of the derivative one order lower."""
    return np.concatenate([np.zeros((len(rows), 1)), rows[:, :-1]], axis=1)


def _stencil_matrix(positions: Array, k: int, accuracy: int) -> sparse.csr_matrix:
    """d^k/dx^k on uniform positions: centred where it fits, else the k + p nodes nearest to the end."""
    n = len(positions)
    centred = 2 * ((k + 1) // 2) - 1 + accuracy
    one_sided = k + accuracy
    if n < max(centred, one_sided):
        raise ReferenceError(f"{n} nodes are too few for the derivative of order {k} to accuracy {accuracy}: "
                             f"expected at least {max(centred, one_sided)}.")
    rows = np.arange(n)
    half = centred // 2
    fits = (rows >= half) & (rows < n - half)
    parts = []
    for chosen, start, width in ((rows[fits], rows[fits] - half, centred),
                                 (rows[~fits], np.where(rows[~fits] < half, 0, n - one_sided), one_sided)):
        columns = start[:, None] + np.arange(width)
        weights = fornberg_weights(positions[columns] - positions[chosen, None], k)[:, k]
        where = (np.repeat(chosen, width), columns.ravel())
        parts.append(sparse.coo_matrix((weights.ravel(), where), shape=(n, n)))
    return (parts[0] + parts[1]).tocsr()


def _circulant_stencil(n: int, k: int, accuracy: int) -> sparse.csr_matrix:
    """d^k/dx^k on n uniform positions of a circle: the centred stencil in every row."""
    half = (2 * ((k + 1) // 2) - 1 + accuracy) // 2
    if n < 2 * half + 1:
        raise ReferenceError(f"{n} nodes on a circle are too few for the derivative of order {k} to accuracy {accuracy}: "
                             f"expected at least {2 * half + 1}.")
    offsets = np.arange(-half, half + 1)
    weights = fornberg_weights(offsets[None].astype(np.float64), k)[0, k]
    rows = np.repeat(np.arange(n), len(offsets))
    columns = (rows + np.tile(offsets, n)) % n
    return sparse.coo_matrix((np.tile(weights, n), (rows, columns)), shape=(n, n)).tocsr()


def _fourier_matrix(n: int, k: int) -> Array:
    """d^k/dx^k of the trigonometric interpolant on n uniform positions (distance 1) of a circle, n odd.

    Its first column is the inverse transform of (iκ)^k; row sums are set to zero exactly.
    Reference: Trefethen, Spectral Methods in MATLAB, ch. 3.
    """
    wave_numbers = 2 * np.pi * np.fft.fftfreq(n)
    matrix: Array = linalg.circulant(np.real(np.fft.ifft((1j * wave_numbers) ** k)))
    np.fill_diagonal(matrix, 0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


def _trigonometric(places: Array, n: int) -> Array:
    """Values (m, n) at places (m,) of the trigonometric Lagrange polynomials on n uniform positions 0 … n − 1, n odd.

    Reference: Henrici, Barycentric formulas for interpolating trigonometric polynomials, Numer. Math. 33 (1979).
    """
    gaps = np.mod(places, n)[:, None] - np.arange(n)
    hit = gaps == 0
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    terms = np.where(hit.any(axis=1, keepdims=True), hit, signs / np.sin(np.pi / n * np.where(hit, 0.5, gaps)))
    values: Array = terms / terms.sum(axis=1, keepdims=True)
    return values


def _chebyshev_matrix(n: int, k: int) -> Array:
    """d^k/dx^k at x_j = −cos(πj/(n−1)), with differences from a product of sines and row sums set to zero exactly.

    Reference: Weideman & Reddy, A MATLAB differentiation matrix suite, ACM TOMS 26 (2000); Welfert's recursion.
    """
    angles = np.pi * np.arange(n) / (n - 1)
    gaps = 2 * np.sin((angles[:, None] + angles) / 2) * np.sin((angles[:, None] - angles) / 2)
    top = n // 2  # the upper half by symmetry: sin near π loses digits
    gaps[n - top:] = -np.flip(gaps[:top])
    np.fill_diagonal(gaps, 1)
    ends = np.where((np.arange(n) == 0) | (np.arange(n) == n - 1), 2.0, 1.0) * (-1.0) ** np.arange(n)
    ratio = ends[:, None] / ends
    matrix = np.eye(n)
    for order in range(1, k + 1):
        matrix = order * (ratio * np.diag(matrix)[:, None] - matrix) / gaps
        np.fill_diagonal(matrix, 0)
        np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


def _barycentric_weights(width: int, *, spectral: bool) -> Array:
    """Weights of the barycentric formula on Chebyshev extreme points or on equidistant ones (any common factor).

    Reference: Berrut & Trefethen, Barycentric Lagrange interpolation, SIAM Review 46 (2004), (5.1) and (5.4).
    """
    signs: Array = np.where(np.arange(width) % 2, -1.0, 1.0)
    if not spectral:
        return signs * comb(width - 1, np.arange(width))
    signs[[0, -1]] /= 2
    return signs


def _lagrange(places: Array, windows: Array, weights: Array) -> Array:
    """Values (m, w) at places (m,) of the Lagrange polynomials on each place's own w nodes (m, w)."""
    gaps = places[:, None] - windows
    hit = gaps == 0
    # a place on a node has that node's value alone; dividing its own terms would divide by zero
    terms = np.where(hit.any(axis=1, keepdims=True), hit, weights / np.where(hit, 1, gaps))
    values: Array = terms / terms.sum(axis=1, keepdims=True)
    return values
