"""An image from its gradient: the first row of the paper's table on Poisson's equation."""

from pathlib import Path

from pinnsiren.equations.images import image_from_gradients
from pinnsiren.experiments import rebuilding
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import Training
from pinnsiren.signals import read_image
from pinnsiren.solution import Solution

PUBLISHED = {"SIREN": ("32.91", "46.85"), "tanh": ("25.79", ""), "ReLU, positional encoding": ("26.35", "")}


def compare(folder: Path, image: str = "camera", size: int = 256, colour: bool = False, seconds: float = 60.0,
            iterations: int | None = None, batch: int | None = 8192, width: int = 256, layers: int = 4,
            seed: int = 0) -> list[Row]:
    """An image from its gradient: windows, tanh, ReLU, SIREN; full: batch=none iterations=10000 seconds=1e9.

    Args:
        folder: for image_from_gradients.png.
        image: see :func:`~pinnsiren.signals.images.read_image`.
        size: pixels along each side.
        colour: red, green and blue; False for grey.
        seconds, iterations, batch, width, layers, seed: of each network's training.
    """
    return rebuilding.compare(folder, read_image(image, size, colour=colour), image_from_gradients(image, size, colour=colour),
                              known="gradient", training=Training(seconds, iterations, batch, width, layers, seed),
                              published=PUBLISHED)


def show(solution: Solution, folder: Path) -> list[str]:
    """image.png and picture.png; how near the image is."""
    return rebuilding.show(solution, folder, "gradient")


EXPERIMENT = Experiment(compare, ("image_from_gradients",), show)
