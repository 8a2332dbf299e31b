"""Two photographs blended by their gradients: the paper's mean of both, the larger of both, and seamless cloning."""

from pathlib import Path
from time import monotonic
from typing import get_args

import numpy as np

from pinnsiren.equations.blending import blend, pair
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import WINDOWS, Training, fits
from pinnsiren.experiments.pictures import Pixels, draw
from pinnsiren.problem import Problem
from pinnsiren.sampling import Array
from pinnsiren.signals import Image, Mode, blend_by_differences, blended
from pinnsiren.signals.blending import INSIDE
from pinnsiren.signals.links import Mask
from pinnsiren.signals.recovery import decibels
from pinnsiren.solution import Solution
from pinnsiren.symbols import Data

MEASURE = "PSNR where blended, beside least squares by cosines, dB"
DIFFERENCES = "five-point differences, sparse direct solve"


def compare(folder: Path, a: str = "astronaut", b: str = "chelsea", size: int = 256, colour: bool = True, seconds: float = 30.0,
            iterations: int | None = None, batch: int | None = 8192, width: int = 256, layers: int = 4,
            seed: int = 0) -> list[Row]:
    """Two images blended by windows, SIREN, differences; full: size=512 batch=none iterations=10000 seconds=1e9.

    Args:
        folder: for blend.png.
        a, b: see :func:`~pinnsiren.signals.images.read_image`.
        size: pixels along each side.
        colour: red, green and blue; False for grey.
        seconds, iterations, batch, width, layers, seed: of each SIREN's training.
    """
    rows, panels = [], {}
    training = Training(seconds, iterations, batch, width, layers, seed)
    for mode in get_args(Mode):
        problem = blend(a, b, mode, size, colour)
        expected = _expected(problem)
        found = fits(problem, expected, training, chosen=("SIREN",))
        setting = f"{mode}, {a} and {b}, {size} × {size} pixels"
        panels[f"{mode}: cosines"] = expected.values
        for f in found:
            image = blended(f.solution)
            value = _quality(image, problem)
            rows.append(Row("blend", f.method, f"{setting}; {f.effort}", value, MEASURE, f.seconds, "pictures only"))
            panels[f"{mode}: {'windows' if f.method == WINDOWS else f.method}, {value:.1f} dB"] = image.values
        start = monotonic()
        classical = blend_by_differences(*pair(a, b, mode, size, colour), mode)
        rows.append(Row("blend", DIFFERENCES, setting, _quality(classical, problem), MEASURE, monotonic() - start))
    draw(folder / "blend.png", panels, columns=3)
    return rows


def show(solution: Solution, folder: Path) -> list[str]:
    """The blended image, beside the two that it was made of."""
    problem = solution.problem
    image = blended(solution)
    image.save(folder / "image.png")
    inside, a, b = _inside(problem), _named(problem, "a"), _named(problem, "b")
    shown = np.where(inside if b.ndim == 2 else inside[:, :, None], b, 1.0)
    draw(folder / "picture.png", {"a": a, "b" if inside.all() else "b, where it is blended": shown, "blended": image.values})
    told = [f"PSNR {_quality(image, problem):.1f} dB where blended, beside the least-squares solution by cosines"]
    if not inside.all():
        told.append(f"values outside the mask: {decibels((image.values - a)[~inside]):.1f} dB")
    return [*told, "wrote image.png and picture.png"]


def _quality(image: Image, problem: Problem) -> float:
    """PSNR where the gradients are blended; both images have the same mean where it is free."""
    return decibels((image.values - _expected(problem).values)[_inside(problem)])


def _expected(problem: Problem) -> Image:
    return Image("expected", Pixels.of(problem).given(problem))


def _named(problem: Problem, which: str) -> Array:
    """a or b."""
    channels = [_column(problem, f"{field.name} of {which}") for field in problem.fields]
    return channels[0] if len(channels) == 1 else np.stack(channels, axis=-1)


def _column(problem: Problem, name: str) -> Array:
    return Pixels.of(problem).column(Data(name))


def _inside(problem: Problem) -> Mask:
    return np.asarray(Pixels.of(problem).column(INSIDE) > 0)


EXPERIMENT = Experiment(compare, ("blend",), show)
