"""What the images from gradients and from Laplacians share: how a rebuilt image is shown, and the networks side by side."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pinnsiren.domains import PointSet
from pinnsiren.equation import components
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import WINDOWS, Fit, Training, fits
from pinnsiren.experiments.pictures import Pixels, draw
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.signals import Image, psnr, read_image, without_null_space
from pinnsiren.signals.recovery import Known, decibels
from pinnsiren.solution import Solution

CHOSEN = ("tanh", "ReLU, positional encoding", "SIREN")  # the paper's
SECOND_HAND = "after 10 000 full-batch steps; second-hand"
FREE = {"gradient": "constant", "laplacian": "harmonic function"}


def rebuilding(make: Callable[..., Problem], known: Known, published: Mapping[str, tuple[str, str]]) -> Experiment:
    """The experiment of an image from its derivatives.

    Args:
        make: the catalogue's problem, from (image, size, colour=…).
        published: dB of the image and of its derivative, by method.
    """
    def compare(folder: Path, image: str = "camera", size: int = 256, colour: bool = False, seconds: float = 60.0,
                iterations: int | None = None, batch: int | None = 8192, width: int = 256, layers: int = 4,
                seed: int = 0) -> list[Row]:
        """An image from derivatives: windows, tanh, ReLU, SIREN; full: batch=none iterations=10000 seconds=1e9.

        Args:
            folder: for a picture of all, named after the problem.
            image: see :func:`~pinnsiren.signals.images.read_image`.
            size: pixels along each side.
            colour: red, green and blue; False for grey.
            seconds, iterations, batch, width, layers, seed: of each network's training.
        """
        training = Training(seconds, iterations, batch, width, layers, seed)
        return _compared(folder, read_image(image, size, colour=colour), make(image, size, colour=colour), known=known,
                         training=training, published=published)

    def show(solution: Solution, folder: Path) -> list[str]:
        return _shown(solution, folder, known)

    return Experiment(compare, (make.__name__,), show)


def _compared(folder: Path, image: Image, problem: Problem, *, known: Known, training: Training,
              published: Mapping[str, tuple[str, str]]) -> list[Row]:
    """Windows and the paper's networks on one problem: PSNR of the image, and of the derivatives that were given."""
    name = problem.name or known
    found = fits(problem, image, training, octaves=max(1, round(np.log2(image.size)) - 2), chosen=CHOSEN)
    rows, panels = [], {"the image": image.values, f"given: {_title(known)}": _strength(_given(problem), known, image)}
    for f in found:
        quality = psnr(f.values, image, known)
        setting = f"{image.name}, {image.shape[1]} × {image.shape[0]} pixels; {f.effort}"
        told = [f"{paper} dB {SECOND_HAND}" if paper else "" for paper in published.get(f.method, ("", ""))]
        rows += [Row(name, f.method, setting, quality, f"PSNR of the image less a {FREE[known]}, dB", f.seconds, told[0]),
                 Row(name, f.method, setting, derivative_psnr(f.solution), f"PSNR of the {known}, dB", f.seconds, told[1])]
        panels |= {f"{_short(f)}: {quality:.1f} dB": _determined(f.values, image.values, known),
                   f"{_title(known)}, {_short(f)}": _strength(_fitted(f.solution), known, image)}
    draw(folder / f"{name}.png", panels, columns=2)
    return rows


def _shown(solution: Solution, folder: Path, known: Known) -> list[str]:
    """The image without what its derivatives leave open, beside what was given and the true one."""
    problem, pixels = solution.problem, Pixels.of(solution.problem)
    image = Image("the image", pixels.given(problem))
    values = pixels.values(solution)
    rebuilt = _determined(values, image.values, known)
    Image("rebuilt", rebuilt).save(folder / "image.png")
    given = _given(problem)[pixels.order]
    draw(folder / "picture.png", {f"given: {_title(known)}": _strength(given, known, image), "rebuilt": rebuilt,
                                  "the image": image.values}, columns=3)
    return [f"PSNR {psnr(values, image, known):.1f} dB of the image less a {FREE[known]}, "
            f"{derivative_psnr(solution):.1f} dB of its {known} (the peak is the range of what was given)",
            "wrote image.png and picture.png"]


def derivative_psnr(solution: Solution) -> float:
    """PSNR in dB of the derivatives that were given, the peak being their range, over all components."""
    given = _given(solution.problem)
    return decibels(_fitted(solution) - given, peak=float(np.ptp(given)))


def _given(problem: Problem) -> Array:
    """The right sides at the points, (n, components)."""
    equation, region = problem.constraints[0].equation, problem.constraints[0].region
    assert isinstance(region, PointSet)
    columns = dict(region.columns)
    return np.stack([columns[symbol] for symbol in components(equation.rhs)], axis=1)


def _fitted(solution: Solution) -> Array:
    """The left sides there."""
    constraint = solution.problem.constraints[0]
    assert isinstance(constraint.region, PointSet)
    return np.asarray(solution.evaluate(list(components(constraint.equation.lhs)), constraint.region.values))


def _determined(values: Array, image: Array, known: Known) -> Array:
    """An image with the true one's constant or harmonic part, which its derivatives leave open."""
    return np.asarray(image + without_null_space(values - image, known))


def _strength(derivatives: Array, known: Known, image: Image) -> Array:
    """|∇u| over all channels, or the mean Δu, as a picture."""
    value = np.sqrt(np.mean(derivatives**2, axis=1)) if known == "gradient" else derivatives.mean(axis=1)
    return np.asarray(value.reshape(image.shape))


def _title(known: Known) -> str:
    return "|∇u|" if known == "gradient" else "Δu"


def _short(fit: Fit) -> str:
    return "windows" if fit.method == WINDOWS else fit.method
