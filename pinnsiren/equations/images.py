"""Poisson's equation from images: find the image whose gradient, or whose Laplacian, is given at the pixels.

    ∇u = g      or      Δu = l      on the pixels of [−1, 1]².

The first boundary-value problem of the SIREN paper (Sitzmann et al., NeurIPS 2020, sec. 4.1), on real images. There are
no boundary values: a gradient fixes u up to a constant, a Laplacian up to a harmonic function.
"""

from collections.abc import Mapping
from pathlib import Path

from pinnsiren.domains import PointSet
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.signals.cosines import Target
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.recovery import Known, ceiling
from pinnsiren.symbols import Data, Field, coordinates, grad, laplacian

EXACT = 200.0  # dB: what remains is rounding
TOLERANCE = 0.02  # relative L2, about 40 dB on a photograph


def image_from_gradients(image: str | Path = "photo", size: int = 256, target: Target = "spectral", colour: bool = False,
                         square: bool = True) -> Problem:
    """∇u = g at the pixels' centres; the image itself, up to a constant, is the exact solution.

    Args:
        image: "photo", "mri", another of :func:`~pinnsiren.signals.images.read_image`, or the path of an image file.
        size: pixels along the longer side.
        target: "spectral", "central" or "forward" (see :meth:`~pinnsiren.signals.images.Image.gradient`).
        colour: one field for each of red, green and blue; False for one of grey.
        square: crop to the middle square.
    """
    picture = read_image(image, size, colour=colour, square=square)
    right, up = picture.gradient(target)
    return _from_derivatives(picture, {"g_x": right, "g_y": up}, "gradient", target)


def image_from_laplacian(image: str | Path = "photo", size: int = 256, target: Target = "spectral", colour: bool = False,
                         square: bool = True) -> Problem:
    """Δu = l at the pixels' centres; the image itself, up to a harmonic function, is the exact solution.

    Args:
        image: "photo", "mri", another of :func:`~pinnsiren.signals.images.read_image`, or the path of an image file.
        size: pixels along the longer side.
        target: "spectral" or "five-point" (see :meth:`~pinnsiren.signals.images.Image.laplacian`).
        colour: one field for each of red, green and blue; False for one of grey.
        square: crop to the middle square.
    """
    picture = read_image(image, size, colour=colour, square=square)
    return _from_derivatives(picture, {"l": picture.laplacian(target)}, "laplacian", target)


def _from_derivatives(picture: Image, given: Mapping[str, Array], known: Known, target: Target) -> Problem:
    """The image whose derivatives are given, a field "u" or one for each colour; its own values travel along."""
    symbols = coordinates("x y")
    columns: dict[Data, Array] = {}
    left, right, exact = [], [], {}
    for channel, values in picture.channels.items():
        mark = "" if channel == "grey" else f"_{channel}"
        u, brightness = Field("u" if channel == "grey" else channel, *symbols), Data(f"image{mark}")
        parts = [Data(f"{name}{mark}") for name in given]
        columns |= dict(zip(parts, (picture.like(v).channels[channel] for v in given.values()), strict=True))
        columns[brightness] = values
        left += list(grad(u)) if known == "gradient" else [laplacian(u)]
        right += parts
        exact[u] = brightness
    pixels = PointSet(symbols, picture.points, columns)
    name = "image_from_gradients" if known == "gradient" else "image_from_laplacian"
    return Problem(Equation(left, right).on(pixels), name=name, exact=exact, tolerance=TOLERANCE,
                   remark=_ceiling(picture, known, target))


def _ceiling(image: Image, known: Known, target: Target) -> str:
    """What an exact fit of a target would reach: a filter is not a derivative."""
    best = ceiling(image, known, target)
    found = "the image, up to rounding" if best > EXACT else f"{best:.1f} dB"
    rows, columns = image.shape
    return f"{columns} × {rows} pixels; ceiling: an exact fit of the {target} {known} would give {found}"
