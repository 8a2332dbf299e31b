"""Links between neighbouring pixels, and images whose slopes along them are given, with values known around.

Midway along a link the difference of its two pixels is a derivative of second order, and a jump between them cannot hide,
which slopes at the pixels themselves do not see. Everything is per pixel; axis 0 runs down, axis 1 right.

    min Σ (∂u − g)² over the links that touch the inside,      u = f outside,

which is Δu = div g with Dirichlet data f; at the edges of the image the natural condition, ∂u/∂n = g·n, comes with it.
Reference: Pérez, Gangnet & Blake, Poisson image editing, SIGGRAPH 2003, eq. 7.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from pinnsiren.signals import cosines

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
EXACT = 1e-12  # of the residual's first size
MOST = 60  # iterations; 20 to 25 are enough for any mask


def ends(values: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """What pixels (N, M, …) have at the upper or left, and at the lower or right end of each link along an axis."""
    count = values.shape[axis]
    return values.take(range(count - 1), axis), values.take(range(1, count), axis)


def difference(values: Array, axis: int) -> Array:
    """The lower less the upper, or the right less the left pixel of each link along an axis."""
    first, last = ends(values, axis)
    return np.asarray(last - first)


def touching(inside: Mask, axis: int) -> Mask:
    """The links along an axis with at least one end inside: their values at both ends matter to what is inside."""
    first, last = ends(inside, axis)
    return np.asarray(first | last)


def with_differences(down: Array, right: Array, around: Array, inside: Mask) -> Array:
    """The solution with differences for slopes, which is the five-point scheme, by one sparse factorisation.

    Args:
        down, right: g, (N − 1, M, …) and (N, M − 1, …).
        around: f, (N, M, …); what it is inside does not matter.
        inside: (N, M), with at least one pixel outside.
    """
    incidence, free = _incidence(inside), inside.ravel()
    within = incidence[:, free]
    given = np.concatenate([g[touching(inside, axis)] for axis, g in enumerate((down, right))])
    found = around.copy()
    found[inside] = splu(sp.csc_array(within.T @ within)).solve(within.T @ (given - incidence[:, ~free] @ around[~inside]))
    return found


def with_slopes(down: Array, right: Array, around: Array, inside: Mask) -> Array:
    """The solution among sums of cosines, whose slopes are derivatives and no differences.

    By conjugate gradients on the normal equations, preconditioned by the factorisation of :func:`with_differences`: a slope is
    at most π/2 times the difference of the same cosine, so that the condition number is at most (π/2)².

    Args: as there; what is left after 60 iterations is rounding.
    """
    chosen = [touching(inside, axis) for axis in (0, 1)]

    def transposed(slopes: list[Array]) -> Array:
        masked = [np.where(_like(c, s), s, 0.0) for c, s in zip(chosen, slopes, strict=True)]
        return cosines.slopes_transposed(*masked)[inside]

    def slopes(values: Array) -> list[Array]:
        whole = np.zeros_like(around)
        whole[inside] = values
        return [cosines.slope_between(whole, axis) for axis in (0, 1)]

    known = np.where(_like(inside, around), 0.0, around)
    left = transposed([g - cosines.slope_between(known, axis) for axis, g in enumerate((down, right))])
    within = _incidence(inside)[:, inside.ravel()]
    solve = splu(sp.csc_array(within.T @ within)).solve
    x, direction, size = np.zeros_like(left), np.zeros_like(left), 1.0
    first = float(np.sum(left**2))
    for _ in range(MOST):
        if float(np.sum(left**2)) <= EXACT**2 * first:
            break
        smoothed = solve(left)
        before, size = size, float(np.sum(left * smoothed))
        direction = smoothed + (size / before) * direction
        image = transposed(slopes(direction))
        step = size / float(np.sum(direction * image))
        x, left = x + step * direction, left - step * image
    known[inside] = x
    return known


def _like(mask: Mask, values: Array) -> Mask:
    """A mask (N, M) to be broadcast to colours."""
    return mask if values.ndim == 2 else mask[:, :, None]


def _incidence(inside: Mask) -> sp.csc_array:
    """−1 and 1 at the two ends of each link that touches the inside, down first: (links, pixels)."""
    numbers, parts = np.arange(inside.size).reshape(inside.shape), []
    for axis in (0, 1):
        first, last = (end[touching(inside, axis)] for end in ends(numbers, axis))
        rows, ones = np.arange(len(first)), np.ones(len(first))
        entries = (np.concatenate([-ones, ones]), (np.tile(rows, 2), np.concatenate([first, last])))
        parts.append(sp.csc_array(entries, shape=(len(rows), inside.size)))
    return sp.csc_array(sp.vstack(parts))
