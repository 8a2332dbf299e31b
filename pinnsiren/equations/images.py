"""Poisson's equation from images: find the image whose gradient, or whose Laplacian, is given at the pixels.

    ∇u = g      or      Δu = l      on the pixels of [−1, 1]².

The first boundary-value problem of the SIREN paper (Sitzmann et al., NeurIPS 2020, sec. 4.1), on real images. There are
no boundary values: a gradient fixes u up to a constant, a Laplacian up to a harmonic function.
"""

from pathlib import Path

from pinnsiren.domains import Box, PointSet
from pinnsiren.problem import Equation, Problem
from pinnsiren.signals.images import Target, read_image
from pinnsiren.symbols import Data, Field, coordinates, grad, laplacian, normal_derivative

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
                   tolerance=TOLERANCE)


def image_from_laplacian(image: str | Path = "photo", size: int = 256, target: Target = "spectral",
                         reflected: bool = False) -> Problem:
    """Δu = l at the pixels' centres; the image itself, up to a harmonic function, is the exact solution.

    Args:
        image: "photo", "mri" or the path of an image file.
        size: pixels along each side.
        target: "spectral" or "five-point" (see :meth:`~pinnsiren.signals.images.Image.laplacian`).
        reflected: add ∂u/∂n = 0 on the edges, which the spectral target of the image reflected there implies. Then only
            a constant is free. The paper's problem is without.
    """
    picture = read_image(image, size)
    x, y = coordinates("x y")
    u, given, brightness = Field("u", x, y), Data("l"), Data("image")
    columns = {given: picture.laplacian(target).ravel(), brightness: picture.values.ravel()}
    constraints = [Equation(laplacian(u), given).on(PointSet((x, y), picture.points, columns))]
    if reflected:
        constraints.append(Equation(normal_derivative(u), 0).on(Box({x: (-1, 1), y: (-1, 1)}).boundary))
    return Problem(*constraints, name="image_from_laplacian", exact={u: brightness}, tolerance=TOLERANCE)
