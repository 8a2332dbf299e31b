"""Images as functions of x and y: reading and writing them, and their derivatives."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals import cosines
from pinnsiren.signals.bands import band
from pinnsiren.signals.cosines import Target
from pinnsiren.signals.samples import of_matplotlib, of_scikit_image

Array = NDArray[np.float64]

GREY = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as pillow converts
MRI_SIZE = 256
SMALLEST = 8
COLOURS = ("red", "green", "blue")
INSIDE_SCIKIT_IMAGE = ("astronaut", "camera", "chelsea", "coffee")


@dataclass(frozen=True, eq=False)
class Image:
    """A grey or coloured image; x points right, y up, and its longer side fills [−1, 1]. Pixels are square.

    Args:
        name: of its source.
        values: (rows, columns) or (rows, columns, 3) float64, dimensionless; row 0 is the top. What :func:`read_image` gives
            runs from 0 to 1.
        low, high: what 0 and 1 are in the file's own unit.
    """

    name: str
    values: Array
    low: float = 0.0
    high: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.values.shape[:2]
        return rows, columns

    @property
    def size(self) -> int:
        """N, pixels along the longer side."""
        return max(self.shape)

    @property
    def spacing(self) -> float:
        """2/N, the side of a pixel."""
        return 2 / self.size

    @property
    def points(self) -> Array:
        """The pixels' centres (n, 2) in the order of the rows."""
        return self.centres(*self.shape)

    def centres(self, rows: int, columns: int) -> Array:
        """The centres (rows · columns, 2) of other pixels, of another number, that fill the same rectangle."""
        height, width = (n * self.spacing for n in self.shape)
        y = height * (0.5 - (np.arange(rows) + 0.5) / rows)
        x = width * ((np.arange(columns) + 0.5) / columns - 0.5)
        grid = np.meshgrid(x, y)
        return np.stack([g.ravel() for g in grid], axis=1)

    @property
    def channels(self) -> dict[str, Array]:
        """The values (n,) in the order of ``points``: "grey", or "red", "green" and "blue"."""
        if self.values.ndim == 2:
            return {"grey": self.values.ravel()}
        return {name: self.values[:, :, i].ravel() for i, name in enumerate(COLOURS)}

    @property
    def band(self) -> tuple[float, float]:
        """Angular frequencies along x and y, radians per half of the width and height, that hold 95 % of the energy."""
        along_x, along_y = band(self.values, (1, 0))
        return along_x, along_y

    def gradient(self, target: Target = "spectral") -> tuple[Array, Array]:
        """∂I/∂x and ∂I/∂y at the pixels' centres, each of the shape of ``values``, per unit length.

        "spectral": of the cosine interpolant, exact: that of the image reflected at its edges. "central":
        (I_{j+1} − I_{j−1})/2h, "forward": (I_{j+1} − I_j)/h, reflected at the edges too. Filters are not derivatives: see
        :func:`~pinnsiren.signals.recovery.ceiling`.
        """
        down, right = (cosines.slope(self.values, axis, target) / self.spacing for axis in (0, 1))
        return right, -down

    def laplacian(self, target: Target = "spectral") -> Array:
        """∂²I/∂x² + ∂²I/∂y² at the pixels' centres, like ``values``: "spectral", or "five-point" differences, as above."""
        return cosines.laplacian(self.values, target) / self.spacing**2

    def like(self, values: Array) -> "Image":
        """An image with other values, (n,) or (n, 3) in the order of ``points`` or shaped already."""
        return Image(self.name, np.asarray(values, dtype=np.float64).reshape(*self.shape, *self.values.shape[2:]), self.low,
                     self.high)

    def save(self, path: str | Path) -> None:
        """Write a file of eight bits a channel; values below 0 and above 1 are cut off.

        Raises:
            StorageError: it cannot be written, or pillow does not know the format.
        """
        eight = np.round(255 * np.clip(self.values, 0, 1)).astype(np.uint8)
        try:
            PIL.Image.fromarray(eight).save(path)
        except (OSError, ValueError) as error:
            raise StorageError(f"the image cannot be written to {path} ({error}); give a path ending in .png.") from error


def read_image(source: str | Path, size: int | None = 256, *, colour: bool = False, square: bool = True) -> Image:
    """Read an image, crop and resize it, and scale its darkest value to 0 and its brightest to 1.

    Downwards by averaging areas (no aliasing), upwards by Lanczos' filter. What is transparent is laid over white.

    Args:
        source: "photo" (grace_hopper.jpg) or "mri" (s1045.ima.gz, a 256² slice), which ship inside matplotlib; "astronaut",
            "camera", "chelsea" (a cat), "coffee", which ship inside scikit-image; or a file that pillow reads.
        size: pixels along the longer side, at least 8; None for those of the file.
        colour: keep red, green and blue; False turns to grey. Grey files stay grey.
        square: crop to the middle square.

    Raises:
        DataError: a file that is missing, unreadable or empty, and images that are constant or not finite.
    """
    if size is not None and (not isinstance(size, int) or size < SMALLEST):
        raise DataError(f"an image of size {size!r} was asked for; give a whole number of at least {SMALLEST} pixels.")
    pixels = _read(source)
    if min(pixels.shape[:2]) < 2:
        raise DataError(f"image {source} has {pixels.shape[1]} × {pixels.shape[0]} pixels; expected at least 2 × 2.")
    if not np.isfinite(pixels).all():
        row, column = np.argwhere(~np.isfinite(pixels))[0][:2]
        raise DataError(f"image {source} has the value {pixels[row, column]} in row {row}, column {column}; "
                        "expected finite numbers: mend the file.")
    if pixels.ndim == 3 and not colour:
        pixels = pixels @ np.array(GREY)
    return _scaled(resized(middle_square(pixels) if square else pixels, size), source)


def _read(source: str | Path) -> Array:
    """Any source as grey values (rows, columns) or colours (rows, columns, 3)."""
    if source == "mri":
        raw = gzip.decompress(of_matplotlib("s1045.ima.gz").read_bytes())
        return np.frombuffer(raw, np.uint16).reshape(MRI_SIZE, MRI_SIZE).astype(np.float64)
    path = _sample(source)
    try:
        with PIL.Image.open(path) as picture:
            return np.asarray(opaque(picture), dtype=np.float64)
    except FileNotFoundError as error:
        raise DataError(f"there is no image {str(source)!r}; give 'photo', 'mri' or the path of a file.") from error
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError(f"{str(source)!r} cannot be read as an image ({error}); expected a whole file of a format that "
                        "pillow knows, such as PNG, JPEG or TIFF.") from error


def opaque(picture: PIL.Image.Image) -> Any:
    """A picture in grey or RGB, laid over white where it is transparent; numbers of more than eight bits stay as they are."""
    if "A" in picture.getbands() or "transparency" in picture.info:
        white = PIL.Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return PIL.Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    return picture if picture.mode[0] in "IFL1" else picture.convert("RGB")


def _sample(source: str | Path) -> Path:
    """The file of an image: of one that ships inside a dependency, or as given.

    Raises:
        DataError: it ships inside scikit-image, and that is not installed.
    """
    if source == "photo":
        return of_matplotlib("grace_hopper.jpg")
    if source not in INSIDE_SCIKIT_IMAGE:
        return Path(source)
    found = of_scikit_image(f"{source}.png")
    if found is None:
        raise DataError(f"image {str(source)!r} ships inside scikit-image; pip install pinnsiren[signals], or give a file.")
    return found


def middle_square(pixels: Array) -> Array:
    """The largest square in the middle."""
    side = min(pixels.shape[:2])
    top, left = ((n - side) // 2 for n in pixels.shape[:2])
    return pixels[top:top + side, left:left + side]


def resized(pixels: Array, size: int | None) -> Array:
    """Grey values (rows, columns) or colours, with ``size`` pixels along the longer side: by areas, upwards by Lanczos' filter.
    """
    longer = max(pixels.shape[:2])
    if size is None or longer == size:
        return pixels
    method = PIL.Image.Resampling.BOX if longer > size else PIL.Image.Resampling.LANCZOS
    rows, columns = (max(1, round(n * size / longer)) for n in pixels.shape[:2])
    channels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    resized = [np.asarray(PIL.Image.fromarray(np.ascontiguousarray(c, dtype=np.float32), mode=None)
                          .resize((columns, rows), method), dtype=np.float64) for c in np.moveaxis(channels, 2, 0)]
    return resized[0] if pixels.ndim == 2 else np.stack(resized, axis=2)


def _scaled(values: Array, source: str | Path) -> Image:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise DataError(f"image {source} is constant ({low:g}); there is nothing in it to fit. Give one with contrast.")
    return Image(str(source), (values - low) / (high - low), low, high)
