"""How well an image is found again from its derivatives: what they leave open, and what an exact fit of them would give."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pinnsiren.domains.lattice import without_harmonic
from pinnsiren.signals import cosines
from pinnsiren.signals.cosines import Target
from pinnsiren.signals.images import Image

Array = NDArray[np.float64]
Known = Literal["gradient", "laplacian"]


def from_gradient(image: Image, target: Target = "spectral") -> Array:
    """The cosine interpolant whose gradient is nearest to the image's, in least squares over the pixels; mean 0."""
    down, right = (cosines.slope(image.values, axis, target) for axis in (0, 1))
    return cosines.with_gradient(down, right)


def from_laplacian(image: Image, target: Target = "spectral") -> Array:
    """The cosine interpolant with the image's Laplacian at the pixels; mean 0."""
    return cosines.with_laplacian(cosines.laplacian(image.values, target))


def without_null_space(difference: Array, known: Known) -> Array:
    """The part of a difference of two images, (N, M) or (N, M, 3), that their derivatives determine.

    A gradient fixes an image up to a constant: the mean of each channel is removed. A Laplacian fixes it up to a harmonic
    function (see :func:`~pinnsiren.domains.lattice.without_harmonic`); what of it is not removed counts against the solution.
    """
    if known == "gradient":
        return np.asarray(difference - difference.mean(axis=(0, 1)))
    if difference.ndim == 2:
        return without_harmonic(difference, np.ones(2))
    return np.stack([without_harmonic(c, np.ones(2)) for c in np.moveaxis(difference, 2, 0)], axis=2)


def psnr(values: Array, image: Image, known: Known | None = None) -> float:
    """Peak signal-to-noise ratio in dB, −10 log₁₀ mean |values − image|², the peak being 1; over all channels.

    Args:
        values: of the same pixels, in their shape or flat. They are not clamped to [0, 1].
        known: what they were found from; that null space is removed first (see :func:`without_null_space`).
    """
    difference = np.asarray(values, dtype=np.float64).reshape(image.values.shape) - image.values
    if known is not None:
        difference = without_null_space(difference, known)
    return decibels(difference)


def decibels(difference: Array, peak: float = 1.0) -> float:
    """10 log₁₀ (peak² / mean |difference|²), the peak signal-to-noise ratio of an error."""
    error = float(np.mean(np.square(difference)))
    return float("inf") if error == 0 else 10 * float(np.log10(peak**2 / error))


def ceiling(image: Image, known: Known, target: Target = "spectral") -> float:
    """The PSNR in dB that an exact fit of a target reaches: of the cosine interpolant that fits it best.

    A filter is not a derivative, so fitting differences perfectly is not the image: on the photograph at 256², central
    differences allow 31.2 dB and five-point Laplacians 36.4 dB. For the spectral target only rounding is left.

    It is no strict bound: a field that is rougher between the pixels, or not fitted to the end, may land a little above
    (windows reached 31.6 dB from central differences).
    """
    found = from_gradient(image, target) if known == "gradient" else from_laplacian(image, target)
    return psnr(found, image, known)
