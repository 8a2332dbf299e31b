"""Images as functions on [−1, 1]²: reading them, their derivatives, and how well derivatives determine them."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import matplotlib.cbook
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy import fft

from pinnsiren.domains.lattice import without_harmonic
from pinnsiren.errors import DataError

Array = NDArray[np.float64]
Target = Literal["spectral", "central", "forward", "five-point"]

GREY = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as pillow converts
MRI_SIZE = 256
SMALLEST = 8


@dataclass(frozen=True, eq=False)
class Image:
    """A square grey image; x points right, y up, and [−1, 1]² is filled by square pixels.

    Args:
        name: of its source.
        values: (N, N) float64, scaled to [0, 1], dimensionless; row 0 is the top.
    """

    name: str
    values: Array

    @property
    def size(self) -> int:
        """N, pixels along each side."""
        return len(self.values)

    @property
    def spacing(self) -> float:
        """2/N, the side of a pixel."""
        return 2 / self.size

    @property
    def points(self) -> Array:
        """The pixels' centres (N², 2) in the order of ``values.ravel()``."""
        centres = -1 + self.spacing * (np.arange(self.size) + 0.5)
        x, y = np.meshgrid(centres, -centres)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    def gradient(self, target: Target = "spectral") -> tuple[Array, Array]:
        """∂I/∂x and ∂I/∂y at the pixels' centres, each (N, N), per unit length.

        "spectral": of the cosine interpolant Σ a_kl cos(πk(x+1)/2) cos(πl(y+1)/2), exact: that of the image reflected
        at its edges. "central": (I_{j+1} − I_{j−1})/2h, "forward": (I_{j+1} − I_j)/h, reflected at the edges too.
        Filters are not derivatives: see :func:`ceiling`.
        """
        _check_target(target, ("spectral", "central", "forward"), "gradient")
        down, right = (_first_derivative(self.values, axis, target) / self.spacing for axis in (0, 1))
        return right, -down

    def laplacian(self, target: Target = "spectral") -> Array:
        """∂²I/∂x² + ∂²I/∂y² at the pixels' centres, (N, N): "spectral", or "five-point" differences, as above."""
        _check_target(target, ("spectral", "five-point"), "laplacian")
        factors = _wavenumbers(self.size) ** 2 if target == "spectral" else 4 * np.sin(_wavenumbers(self.size) / 2) ** 2
        return -_multiplied(self.values, factors[:, None] + factors) / self.spacing**2


def read_image(source: str | Path, size: int = 256) -> Image:
    """Read, turn to grey, crop to the middle square, and resize to size × size.

    Downwards by averaging areas (no aliasing), upwards by Lanczos' filter; then scaled so that the darkest pixel is 0
    and the brightest 1.

    Args:
        source: "photo" (grace_hopper.jpg) or "mri" (s1045.ima.gz, a 256² slice), which ship inside matplotlib; or a
            file that pillow reads.
        size: pixels along each side, at least 8.

    Raises:
        DataError: a file that is missing, unreadable or empty, and images that are constant or not finite.
    """
    if not isinstance(size, int) or size < SMALLEST:
        raise DataError(f"an image of size {size!r} was asked for; give a whole number of at least {SMALLEST} pixels.")
    grey = _read(source)
    if min(grey.shape) < 2:
        raise DataError(f"image {source} has {grey.shape[1]} × {grey.shape[0]} pixels; expected at least 2 × 2.")
    if not np.isfinite(grey).all():
        row, column = np.argwhere(~np.isfinite(grey))[0]
        raise DataError(f"image {source} has the value {grey[row, column]} in row {row}, column {column}; "
                        "expected finite numbers: mend the file.")
    return Image(str(source), _scaled(_resized(grey, size), source))


def _read(source: str | Path) -> Array:
    """Any source as grey values (rows, columns)."""
    if source == "mri":
        raw = gzip.decompress(_sample("s1045.ima.gz").read_bytes())
        return np.frombuffer(raw, np.uint16).reshape(MRI_SIZE, MRI_SIZE).astype(np.float64)
    path = _sample("grace_hopper.jpg") if source == "photo" else Path(source)
    try:
        with PIL.Image.open(path) as picture:
            pixels = np.asarray(picture if picture.mode[0] in "IFL1" else picture.convert("RGB"), dtype=np.float64)
    except FileNotFoundError as error:
        raise DataError(f"there is no image {str(source)!r}; give 'photo', 'mri' or the path of a file.") from error
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError(f"{str(source)!r} cannot be read as an image ({error}); expected a whole file of a format that "
                        "pillow knows, such as PNG, JPEG or TIFF.") from error
    return pixels @ np.array(GREY) if pixels.ndim == 3 and pixels.shape[2] == 3 else pixels.reshape(pixels.shape[:2])


def _sample(name: str) -> Path:
    return Path(str(matplotlib.cbook.get_sample_data(name, asfileobj=False)))


def _resized(grey: Array, size: int) -> Array:
    side = min(grey.shape)
    top, left = ((n - side) // 2 for n in grey.shape)
    square = grey[top:top + side, left:left + side]
    if side == size:
        return square
    method = PIL.Image.Resampling.BOX if side > size else PIL.Image.Resampling.LANCZOS
    picture = PIL.Image.fromarray(square.astype(np.float32), mode=None)
    return np.asarray(picture.resize((size, size), method), dtype=np.float64)


def _scaled(values: Array, source: str | Path) -> Array:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise DataError(f"image {source} is constant ({low:g}); its derivatives say nothing. Give one with contrast.")
    return (values - low) / (high - low)


def _check_target(target: str, known: tuple[str, ...], what: str) -> None:
    if target not in known:
        raise DataError(f"target {target!r} is not known for a {what}; choose one of {', '.join(known)} "
                        f"(all: {', '.join(get_args(Target))}).")


def _wavenumbers(size: int) -> Array:
    """θ_k = πk/N, k < N, in radians a pixel."""
    return np.pi * np.arange(size) / size


def _multiplied(values: Array, factors: Array) -> Array:
    """Multiply the coefficients of the cosine interpolant."""
    return np.asarray(fft.idctn(factors * fft.dctn(values, norm="ortho"), norm="ortho"))


def _first_derivative(values: Array, axis: int, target: Target) -> Array:
    """Along one axis, per pixel."""
    if target == "spectral":
        shape = [1, 1]
        shape[axis] = -1
        sines = -fft.dct(values, axis=axis, norm="ortho") * _wavenumbers(values.shape[axis]).reshape(shape)
        shifted = np.roll(sines, -1, axis)  # a DST starts with k = 1; θ_0 = 0 fills the place k = N
        return np.asarray(fft.idst(shifted, axis=axis, norm="ortho"))
    padded = np.pad(values, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
    forward = np.diff(padded, axis=axis)
    after = np.take(forward, range(1, forward.shape[axis]), axis)
    return after if target == "forward" else 0.5 * (after + np.take(forward, range(forward.shape[axis] - 1), axis))


def from_gradient(image: Image, target: Target) -> Array:
    """The cosine interpolant whose gradient is nearest to the image's, in least squares over the pixels; mean 0.

    In cosines and sines, which are orthogonal on the pixels: a_kl = −(θ_k p_kl + θ_l q_kl)/(θ_k² + θ_l²).
    """
    theta = _wavenumbers(image.size)
    total = np.zeros_like(image.values)
    for axis in (0, 1):
        slope = _first_derivative(image.values, axis, target)
        sines = np.roll(fft.dct(fft.dst(slope, axis=axis, norm="ortho"), axis=1 - axis, norm="ortho"), 1, axis)
        total -= sines * np.expand_dims(theta, 1 - axis)  # the sine k = N, which no cosine k < N gives, meets θ_0 = 0
    return _without_mean_from(total, theta)


def from_laplacian(image: Image, target: Target) -> Array:
    """The cosine interpolant with the image's Laplacian at the pixels; mean 0."""
    theta = _wavenumbers(image.size)
    return _without_mean_from(-fft.dctn(image.laplacian(target) * image.spacing**2, norm="ortho"), theta)


def _without_mean_from(coefficients: Array, theta: Array) -> Array:
    squares = theta[:, None] ** 2 + theta**2
    squares[0, 0] = np.inf
    return np.asarray(fft.idctn(coefficients / squares, norm="ortho"))


def without_null_space(difference: Array, known: Literal["gradient", "laplacian"]) -> Array:
    """The part of a difference of two images (N, N) that their derivatives determine.

    A gradient fixes an image up to a constant: the mean is removed. A Laplacian fixes it up to a harmonic function (see
    :func:`~pinnsiren.domains.lattice.without_harmonic`); what of it is not removed counts against the solution.
    """
    return np.asarray(difference - difference.mean()) if known == "gradient" else without_harmonic(difference, np.ones(2))


def psnr(values: Array, image: Image, known: Literal["gradient", "laplacian"] | None = None) -> float:
    """Peak signal-to-noise ratio in dB, −10 log₁₀ mean |values − image|², the peak being 1.

    Args:
        values: (N, N) or (N²,), of the same pixels. They are not clamped to [0, 1].
        known: what they were found from; that null space is removed first (see :func:`without_null_space`).
    """
    difference = np.asarray(values, dtype=np.float64).reshape(image.values.shape) - image.values
    if known is not None:
        difference = without_null_space(difference, known)
    error = float(np.mean(difference**2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ceiling(image: Image, known: Literal["gradient", "laplacian"], target: Target = "spectral") -> float:
    """The PSNR in dB that an exact fit of a target reaches: of the cosine interpolant that fits it best.

    A filter is not a derivative, so fitting differences perfectly is not the image: on the photograph at 256², central
    differences allow 31.2 dB and five-point Laplacians 36.4 dB. For the spectral target only rounding is left.

    It is no strict bound: a field that is rougher between the pixels, or not fitted to the end, may land a little above
    (windows reached 31.6 dB from central differences).
    """
    found = from_gradient(image, target) if known == "gradient" else from_laplacian(image, target)
    return psnr(found, image, known)
