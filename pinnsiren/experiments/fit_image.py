"""An image as a field: the networks of the paper side by side, its derivatives (the paper's figure 1), and finer pixels."""

from pathlib import Path

import numpy as np
import sympy

from pinnsiren.equations.signals import fit_image
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import Fit, Training, fits, rows
from pinnsiren.experiments.pictures import Pixels, draw
from pinnsiren.sampling import Array
from pinnsiren.signals import Image, psnr, read_image
from pinnsiren.solution import Solution
from pinnsiren.symbols import laplacian

FINER = 4  # pixels of the picture between the pixels, along each side, for one of the image's


def compare(folder: Path, image: str = "camera", size: int = 128, seconds: float = 30.0, iterations: int | None = None,
            batch: int | None = 4096, width: int = 256, layers: int = 4, seed: int = 0) -> list[Row]:
    """An image through ReLU, tanh, ReLU after encodings, SIREN and windows; full: size=512 batch=none iterations=10000.

    Args:
        folder: for fit_image.png, the networks' images and their derivatives.
        image: see :func:`~pinnsiren.signals.images.read_image`; in grey.
        size: pixels along each side.
        seconds, iterations, batch, width, layers, seed: of each network's training.
    """
    picture = read_image(image, size)
    problem = fit_image(image, size, colour=False, square=True)
    found = fits(problem, picture, Training(seconds, iterations, batch, width, layers, seed),
                 octaves=max(1, round(np.log2(size)) - 2))
    _draw_derivatives(folder / "fit_image.png", picture, found)
    setting = f"{image}, {size} × {size} pixels"
    return [*rows("fit_image", found, setting, measure="PSNR, dB", value=lambda v: psnr(v, picture), published={}),
            _between(image, size, found[0], picture)]


def _between(image: str, size: int, best: Fit, picture: Image) -> Row:
    """The fit at twice as many pixels along each side, against the image at that size."""
    fine = read_image(image, 2 * size)
    points = picture.centres(2 * size, 2 * size)
    inside = np.clip(points, picture.points.min(axis=0), picture.points.max(axis=0))
    values = picture.low + (picture.high - picture.low) * best.solution(best.solution.problem.fields[0], inside)
    scaled = (values - fine.low) / (fine.high - fine.low)  # to the finer image's own range
    return Row("fit_image", f"{best.method}, at {2 * size} × {2 * size}", f"{image}, fitted at {size} × {size}",
               psnr(scaled, fine), "PSNR, dB", best.seconds)


def show(solution: Solution, folder: Path) -> list[str]:
    """The image itself, the same with finer pixels, and its derivatives."""
    problem, pixels = solution.problem, Pixels.of(solution.problem)
    given, values = pixels.given(problem), pixels.values(solution)
    Image("fit", values).save(folder / "image.png")
    Image("fit", pixels.values(solution, finer=FINER)).save(folder / "image_finer.png")
    draw(folder / "picture.png", {"given": _known(solution, pixels, given), "the field at the pixels": values,
                                  "|∇u|": _steepness(solution, pixels), "Δu": _curvature(solution, pixels)})
    quality = psnr(values, Image("given", given))
    return [f"PSNR {quality:.1f} dB over all pixels, MSE {np.mean((values - given) ** 2):.2e}",
            f"wrote image.png, image_finer.png ({FINER} times as many pixels along each side) and picture.png"]


def _known(solution: Solution, pixels: Pixels, given: Array) -> Array:
    """The image, with its pixels that were left out in white."""
    fitted = solution.problem.constraints[0].region
    known = fitted.contains(pixels.points, 1e-9).reshape(pixels.shape)
    return np.where(known[..., None] if given.ndim == 3 else known, given, 1.0)


def _steepness(solution: Solution, pixels: Pixels) -> Array:
    """|∇u| over all fields."""
    parts = [sum(u.diff(c) ** 2 for c in u.coordinates) for u in solution.problem.fields]
    return np.asarray(pixels.values(solution, [sympy.sqrt(sum(parts))]))


def _curvature(solution: Solution, pixels: Pixels) -> Array:
    """Δu, the mean over all fields."""
    fields = solution.problem.fields
    return np.asarray(pixels.values(solution, [sum(laplacian(u) for u in fields) / len(fields)]))


def _draw_derivatives(path: Path, picture: Image, found: list[Fit]) -> None:
    """The paper's figure 1: image, gradient and Laplacian of each fit, below those of the image."""
    right, up = picture.gradient()
    panels = {"the image": picture.values, "its |∇|": np.hypot(right, up), "its Δ": picture.laplacian()}
    for f in found:
        pixels = Pixels.of(f.solution.problem)
        panels |= {f"{f.method}: {psnr(f.values, picture):.1f} dB": f.values,
                   f"|∇u|, {f.method}": _steepness(f.solution, pixels), f"Δu, {f.method}": _curvature(f.solution, pixels)}
    draw(path, panels, columns=3)


EXPERIMENT = Experiment(compare, ("fit_image",), show)
