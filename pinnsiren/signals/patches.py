"""Many small colour images of one size: cut from photographs that ship inside dependencies, or read from a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import ArrayLike, NDArray

from pinnsiren.domains.pointset import PointSet
from pinnsiren.equation import Equation
from pinnsiren.errors import DataError
from pinnsiren.problem import Problem
from pinnsiren.signals.images import middle_square, opaque, resized
from pinnsiren.signals.samples import of_matplotlib, of_scikit_image
from pinnsiren.symbols import Data, Field, coordinates

Array = NDArray[np.float64]

COLOURS = "rgb"
SMALLEST = 8  # pixels along a side
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "rocket.jpg")  # inside scikit-image
KEPT = 0.25  # of each photograph's width, on the right: only held-out patches are cut there
LARGEST = 8  # times the size of a patch: the widest square that is averaged down to one
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".gif"}


@dataclass(frozen=True, eq=False)
class Patches:
    """Square colour images on [−1, 1]²: x points right, y up, square pixels, those to train on first.

    Args:
        name: of where they come from.
        values: (n, N, N, 3) float64 in [−1, 1], dimensionless; row 0 is the top.
        training: how many of them are to train on; the others are held out.

    Raises:
        DataError: another shape, values that are not finite, images that are all constant or all the same, no image to train on
            or none held out.
    """

    name: str
    values: Array
    training: int

    def __post_init__(self) -> None:
        values = self.values
        if values.ndim != 4 or values.shape[1] != values.shape[2] or values.shape[3] != len(COLOURS):
            raise DataError(f"images of {self.name} have shape {values.shape}; expected (n, N, N, 3).")
        if not 1 <= self.training < len(values):
            raise DataError(f"{self.name} has {len(values)} images, {self.training} of which are to train on; expected at "
                            "least one to train on and one held out.")
        bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2, 3)))
        if len(bad):
            raise DataError(f"image {bad[0]} of {self.name} holds values that are not finite ({len(bad)} such images); mend "
                            "the file, or take it away.")
        if not (np.ptp(values[:self.training], axis=(1, 2)) > 0).any():
            raise DataError(f"the images of {self.name} are all constant: there is nothing to learn. Give images with "
                            "contrast.")
        if self.training > 1 and not (np.ptp(values[:self.training], axis=0) > 0).any():
            raise DataError(f"the {self.training} images of {self.name} to train on are all the same; give different ones.")

    @property
    def size(self) -> int:
        """N, pixels along each side."""
        return self.values.shape[1]

    @cached_property
    def points(self) -> Array:
        """The pixels' centres (N², 2) in the order of rows from the top."""
        centres = -1 + (np.arange(self.size) + 0.5) * 2 / self.size
        x, y = np.meshgrid(centres, -centres)
        return np.stack([x.ravel(), y.ravel()], axis=1)

    @cached_property
    def data(self) -> tuple[Data, ...]:
        """The symbols of red, green and blue."""
        return tuple(Data(f"{c}_given") for c in COLOURS)

    @cached_property
    def _fields(self) -> tuple[Field, ...]:
        return tuple(Field(c, *coordinates("x y")) for c in COLOURS)

    @cached_property
    def _equation(self) -> Equation:
        return Equation(self._fields, self.data, name="image")

    def pixels(self, number: int, rows: ArrayLike | None = None) -> PointSet:
        """The pixels of an image, or some of them, with their colours."""
        chosen = slice(None) if rows is None else np.asarray(rows)
        values = self.values[number].reshape(-1, len(COLOURS))[chosen]
        return PointSet(coordinates("x y"), self.points[chosen], dict(zip(self.data, values.T, strict=True)))

    def problem(self, number: int, rows: ArrayLike | None = None) -> Problem:
        """(r, g, b) = the given colours at the pixels, or at some of them; the mean square over pixels and colours."""
        return Problem(self._equation.on(self.pixels(number, rows), weight=1 / len(COLOURS)), name="image")


def cut_patches(training: int = 2000, held_out: int = 64, size: int = 32, seed: int = 0) -> Patches:
    """Random squares of photographs that ship inside matplotlib and scikit-image, averaged down to size × size.

    Sides are drawn between ``size`` and eight times that, evenly on a logarithmic scale; half of them are mirrored. Those to
    train on lie in the left three quarters of a photograph, held-out ones in its right quarter. Without scikit-image there is
    one photograph.

    Raises:
        DataError: numbers below 1, or a size below 8 or too large for the held-out part of a photograph.
    """
    for name, number in (("training", training), ("held_out", held_out)):
        if not isinstance(number, int) or number < 1:
            raise DataError(f"cut_patches was given {name}={number!r}; expected a whole number >= 1.")
    _require_size(size)
    pictures = [_read(path) for path in _photographs()]
    random = np.random.default_rng(seed)
    values = [_cut(random, pictures, size, held=i >= training) for i in range(training + held_out)]
    names = "6 photographs of matplotlib and scikit-image" if len(pictures) > 1 else "matplotlib's photograph"
    return Patches(f"squares of {names}", np.stack(values), training)


def images_in(folder: str | Path, size: int = 32, held_out: float = 0.1, most: int = 20_000) -> Patches:
    """The images of a folder: each cut to its middle square and averaged down to size × size. Transparency is laid on white.

    Args:
        held_out: the share that is held out: every so many-th file in alphabetical order, at least one.
        most: files that are read.

    Raises:
        DataError: no folder, fewer than two images in it, one that cannot be read or is smaller than size × size.
    """
    _require_size(size)
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"there is no folder {folder}; give one that holds images.")
    files = sorted(p for p in place.iterdir() if p.suffix.lower() in SUFFIXES)[:most]
    if len(files) < 2:
        raise DataError(f"the folder {folder} holds {len(files)} images ({', '.join(sorted(SUFFIXES))}); expected at least 2, "
                        "one of them to be held out.")
    if not 0 < held_out < 1:
        raise DataError(f"images_in was given held_out={held_out}; expected a share between 0 and 1, such as 0.1.")
    values = np.stack([_middle(_read(p), size, p) for p in files])
    every = max(2, round(1 / held_out))
    held = np.arange(len(files)) % every == every - 1
    held[-1] |= not held.any()
    return Patches(str(folder), np.concatenate([values[~held], values[held]]), int((~held).sum()))


def _require_size(size: int) -> None:
    if not isinstance(size, int) or size < SMALLEST:
        raise DataError(f"images of size {size!r} were asked for; give a whole number of at least {SMALLEST} pixels.")


def _photographs() -> Iterator[Path]:
    yield of_matplotlib("grace_hopper.jpg")
    yield from (path for name in PHOTOGRAPHS if (path := of_scikit_image(name)) is not None)


def _read(path: Path) -> Array:
    """(rows, columns, 3) in [−1, 1]."""
    try:
        with PIL.Image.open(path) as picture:
            return np.asarray(opaque(picture).convert("RGB"), dtype=np.float64) / 127.5 - 1
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image ({error}); mend the file, or take it away.") from error


def _middle(picture: Array, size: int, path: Path) -> Array:
    rows, columns = picture.shape[:2]
    if min(rows, columns) < size:
        raise DataError(f"image {path} has {columns} × {rows} pixels; expected at least {size} × {size}. Take it away, or ask "
                        "for a smaller size.")
    return resized(middle_square(picture), size)


def _cut(random: np.random.Generator, pictures: Sequence[Array], size: int, *, held: bool) -> Array:
    picture = pictures[int(random.integers(len(pictures)))]
    rows, columns = picture.shape[:2]
    border = columns - int(KEPT * columns)
    low, high = (border, columns) if held else (0, border)
    largest = min(rows, high - low, LARGEST * size)
    if largest < size:
        raise DataError(f"a patch of {size} × {size} pixels does not fit into the part of a photograph that has {high - low} × "
                        f"{rows}; ask for a smaller size.")
    side = round(size * (largest / size) ** random.random())
    top, left = random.integers(rows - side + 1), random.integers(low, high - side + 1)
    patch = resized(picture[top:top + side, left:left + side], size)
    return patch[:, ::-1] if random.random() < 0.5 else patch
