"""Functions on pixels as sums of cosines, Σ a_kl cos θ_k(i + ½) cos θ_l(j + ½): their derivatives, and what has given ones.

Cosines are the image reflected at its edges, with no jump there. Everything is per pixel; θ_k = πk/N, radians a pixel.
Reference: Press et al., Numerical Recipes, 3rd ed., sec. 20.4.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pinnsiren.errors import DataError

Array = NDArray[np.float64]
Target = Literal["spectral", "central", "forward", "five-point"]


def slope(values: Array, axis: int, target: Target) -> Array:
    """The first derivative of values (N, M) or (N, M, channels) along one axis, at the pixels.

    Raises:
        DataError: a target that is no first derivative.
    """
    _check_target(target, ("spectral", "central", "forward"), "gradient")
    if target == "spectral":
        sines = -fft.dct(values, axis=axis, norm="ortho") * _along(values, axis)
        shifted = np.roll(sines, -1, axis)  # a DST starts with k = 1; θ_0 = 0 fills the place k = N
        return np.asarray(fft.idst(shifted, axis=axis, norm="ortho"))
    padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in range(values.ndim)], mode="symmetric")
    forward = np.diff(padded, axis=axis)
    after = np.take(forward, range(1, forward.shape[axis]), axis)
    return after if target == "forward" else 0.5 * (after + np.take(forward, range(forward.shape[axis] - 1), axis))


def laplacian(values: Array, target: Target) -> Array:
    """The sum of second derivatives along both axes, at the pixels; "five-point" by differences.

    Raises:
        DataError: a target that is no Laplacian.
    """
    _check_target(target, ("spectral", "five-point"), "laplacian")
    return np.asarray(fft.idctn(-_squares(values, target) * fft.dctn(values, axes=(0, 1), norm="ortho"), axes=(0, 1),
                                norm="ortho"))


def with_gradient(down: Array, right: Array) -> Array:
    """The sum of cosines whose derivatives along the axes 0 and 1 are nearest to given ones, in least squares; mean 0.

    Sines and cosines are orthogonal on the pixels: a_kl = −(θ_k p_kl + θ_l q_kl)/(θ_k² + θ_l²), p and q the coefficients of
    the given ones in sines along their own axis. Of p and q what is no gradient falls out: this is Δu = div g with the normal
    derivative given on the edges.
    """
    return _integrated(_gradient_transposed(down, right))


def gradient_transposed(down: Array, right: Array) -> Array:
    """The transpose of the spectral :func:`slope` along both axes, summed: (N, M, …) each, to (N, M, …)."""
    return np.asarray(fft.idctn(_gradient_transposed(down, right), axes=(0, 1), norm="ortho"))


def _gradient_transposed(down: Array, right: Array) -> Array:
    """Coefficients of :func:`gradient_transposed` in cosines."""
    total = np.zeros_like(down)
    for axis, given in enumerate((down, right)):
        sines = np.roll(fft.dct(fft.dst(given, axis=axis, norm="ortho"), axis=1 - axis, norm="ortho"), 1, axis)
        total -= sines * _along(given, axis)  # the sine k = N, which no cosine k < N gives, meets θ_0 = 0
    return total


def slope_between(values: Array, axis: int) -> Array:
    """The first derivative of values (N, M, …) along one axis, midway between pixels that are neighbours along it."""
    sines = -fft.dct(values, axis=axis, norm="ortho") * _along(values, axis)
    return np.asarray(fft.dst(sines.take(range(1, values.shape[axis]), axis), type=1, axis=axis, norm="ortho"))


def slopes_transposed(down: Array, right: Array) -> Array:
    """The transpose of :func:`slope_between` along both axes, summed: (N − 1, M, …) and (N, M − 1, …) to (N, M, …)."""
    return np.asarray(fft.idctn(_transposed(down, right), axes=(0, 1), norm="ortho"))


def with_slopes_between(down: Array, right: Array) -> Array:
    """The sum of cosines whose derivatives midway between pixels are nearest to given ones, in least squares; mean 0.

    As :func:`with_gradient`, for what :func:`slope_between` gives: N − 1 sines on N − 1 places, a whole basis.

    Args:
        down, right: (N − 1, M, …) and (N, M − 1, …).
    """
    return _integrated(_transposed(down, right))


def _transposed(down: Array, right: Array) -> Array:
    """Coefficients of :func:`slopes_transposed` in cosines."""
    total = np.zeros((right.shape[0], *down.shape[1:]))
    for axis, given in enumerate((down, right)):
        sines = fft.dct(fft.dst(given, type=1, axis=axis, norm="ortho"), axis=1 - axis, norm="ortho")
        padded = np.pad(sines, [(1, 0) if a == axis else (0, 0) for a in range(total.ndim)])
        total -= padded * _along(total, axis)
    return total


def with_laplacian(given: Array) -> Array:
    """The sum of cosines with a given Laplacian at the pixels, up to its mean, which no such sum has; mean 0."""
    return _integrated(-fft.dctn(given, axes=(0, 1), norm="ortho"))


def _integrated(coefficients: Array) -> Array:
    squares = _squares(coefficients, "spectral")
    squares[0, 0] = np.inf
    return np.asarray(fft.idctn(coefficients / squares, axes=(0, 1), norm="ortho"))


def _squares(values: Array, target: Target) -> Array:
    """θ_k² + θ_l², or what five-point differences have in its place, broadcast to the channels."""
    parts = [_along(values, axis) for axis in (0, 1)]
    if target == "five-point":
        parts = [2 * np.sin(p / 2) for p in parts]
    return np.asarray(parts[0] ** 2 + parts[1] ** 2)


def _along(values: Array, axis: int) -> Array:
    """θ_k, k < N, along one axis, to be broadcast."""
    shape = [1] * values.ndim
    shape[axis] = -1
    return (np.pi * np.arange(values.shape[axis]) / values.shape[axis]).reshape(shape)


def _check_target(target: str, known: tuple[str, ...], what: str) -> None:
    if target not in known:
        raise DataError(f"target {target!r} is not known for a {what}; choose one of {', '.join(known)} "
                        f"(all: {', '.join(get_args(Target))}).")
