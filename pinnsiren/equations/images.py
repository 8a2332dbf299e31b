"""Poisson's equation from images: find the image whose gradient, or whose Laplacian, is given at the pixels.

    ∇u = g      or      Δu = l      on the pixels of [−1, 1]².

The first boundary-value problem of the SIREN paper (Sitzmann et al., NeurIPS 2020, sec. 4.1), on real images. There are
no boundary values: a gradient fixes u up to a constant, a Laplacian up to a harmonic function.
"""

from pathlib import Path
from typing import Literal

from pinnsiren.domains import PointSet
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.signals.images import Image, Target, ceiling, read_image
from pinnsiren.symbols import Data, Field, coordinates, grad, laplacian

EXACT = 200.0  # dB: what remains is rounding
TOLERANCE = 0.02  # relative L2, about 40 dB on a photograph


def image_from_gradients(image: str | Path = "photo", size: int = 256, target: Target = "spectral") -> Problem:
    """∇u = g at the pixels' centres; the image itself, up to a constant, is the exact solution.

    Args:
        image: "photo", "mri" or the path of an image file.
        size: pixels along each side.
        target: "spectral", "central" or "forward" (see :meth:`~pinnsiren.signals.images.Image.gradient`).
    """
    picture = read_image(image, size)
    x, y = coordinates("x y")
    u, gx, gy, brightness = Field("u", x, y), Data("g_x"), Data("g_y"), Data("image")
    right, up = picture.gradient(target)
    pixels = PointSet((x, y), picture.points, {gx: right.ravel(), gy: up.ravel(), brightness: picture.values.ravel()})
    return Problem(Equation(grad(u), (gx, gy)).on(pixels), name="image_from_gradients", exact={u: brightness},
                   tolerance=TOLERANCE, remark=_ceiling(picture, "gradient", target))


def image_from_laplacian(image: str | Path = "photo", size: int = 256, target: Target = "spectral") -> Problem:
    """Δu = l at the pixels' centres; the image itself, up to a harmonic function, is the exact solution.

    Args:
        image: "photo", "mri" or the path of an image file.
        size: pixels along each side.
        target: "spectral" or "five-point" (see :meth:`~pinnsiren.signals.images.Image.laplacian`).
    """
    picture = read_image(image, size)
    x, y = coordinates("x y")
    u, given, brightness = Field("u", x, y), Data("l"), Data("image")
    columns = {given: picture.laplacian(target).ravel(), brightness: picture.values.ravel()}
    return Problem(Equation(laplacian(u), given).on(PointSet((x, y), picture.points, columns)),
                   name="image_from_laplacian", exact={u: brightness}, tolerance=TOLERANCE,
                   remark=_ceiling(picture, "laplacian", target))


def _ceiling(image: Image, known: Literal["gradient", "laplacian"], target: Target) -> str:
    """What an exact fit of a target would reach: a filter is not a derivative."""
    best = ceiling(image, known, target)
    found = "the image, up to rounding" if best > EXACT else f"{best:.1f} dB"
    return f"{image.size} × {image.size} pixels; ceiling: an exact fit of the {target} {known} would give {found}"
