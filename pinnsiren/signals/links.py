"""Images whose slopes are given along the links between neighbouring pixels, with values known around.

Midway along a link the difference of its two pixels is a derivative of second order, and a jump between them cannot hide,
which slopes at the pixels themselves do not see. Everything is per pixel; axis 0 runs down, axis 1 right.

    min Σ (∂u − g)² over the links that touch the inside (and the pixels inside),      u = f outside,

which is Δu = div g with Dirichlet data f; at the edges of the image the natural condition, ∂u/∂n = g·n, comes with it.
Reference: Pérez, Gangnet & Blake, Poisson image editing, SIGGRAPH 2003, eq. 7.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from pinnsiren.signals import cosines

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
EXACT = 1e-12  # of the residual's first size
MOST = 60  # iterations; about 30 are enough


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


@dataclass(frozen=True, eq=False)
class Slopes:
    """A vector field on an image: its components along links, midway, and both components at the pixels.

    Args:
        down, right: (N − 1, M, …) and (N, M − 1, …).
        at_pixels: down and right, (N, M, …) each.
    """

    down: Array
    right: Array
    at_pixels: tuple[Array, Array]

    @classmethod
    def of(cls, values: Array) -> "Slopes":
        """The derivatives of the cosine interpolant of an image (N, M, …)."""
        down, right = (cosines.slope_between(values, axis) for axis in (0, 1))
        return cls(down, right, (cosines.slope(values, 0, "spectral"), cosines.slope(values, 1, "spectral")))

    @property
    def parts(self) -> tuple[Array, Array, Array, Array]:
        """All four."""
        return self.down, self.right, *self.at_pixels


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


def with_slopes(given: Slopes, around: Array, inside: Mask) -> Array:
    """The solution among sums of cosines, for derivatives instead of differences, along links and at the pixels inside.

    By conjugate gradients on the normal equations, preconditioned by the factorisation of :func:`with_differences`: a
    derivative is at most π/2 times the difference of the same cosine, so that the condition number is at most 2 (π/2)².

    Args:
        around, inside: as there.
    """
    chosen = [*(touching(inside, axis) for axis in (0, 1)), inside, inside]

    def transposed(slopes: Sequence[Array]) -> Array:
        down, right, *at_pixels = (np.where(_like(c, s), s, 0.0) for c, s in zip(chosen, slopes, strict=True))
        return (cosines.slopes_transposed(down, right) + cosines.gradient_transposed(*at_pixels))[inside]

    def image(values: Array) -> Array:
        whole = np.zeros_like(around)
        whole[inside] = values
        return transposed(Slopes.of(whole).parts)

    found = np.where(_like(inside, around), 0.0, around)
    left = transposed([g - k for g, k in zip(given.parts, Slopes.of(found).parts, strict=True)])
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
        change = image(direction)
        step = size / float(np.sum(direction * change))
        x, left = x + step * direction, left - step * change
    found[inside] = x
    return found


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
