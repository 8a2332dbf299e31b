"""A video as a field of x, y and time: the networks of the paper side by side."""

from pathlib import Path

import numpy as np

from pinnsiren.domains import PointSet
from pinnsiren.domains.lattice import Lattice
from pinnsiren.equations.signals import fit_video
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import Training, fits, rows
from pinnsiren.experiments.pictures import draw
from pinnsiren.sampling import Array
from pinnsiren.signals import Video, read_video
from pinnsiren.signals.recovery import decibels
from pinnsiren.solution import Solution

PUBLISHED = "29.9 dB (SIREN of width 1024, 100 000 steps; second-hand)"
FRAMES = 4  # of a picture


def compare(folder: Path, video: str = "clip", size: int = 64, frames: int = 24, seconds: float = 30.0,
            iterations: int | None = None, batch: int | None = 4096, width: int = 256, layers: int = 4,
            seed: int = 0) -> list[Row]:
    """A video through the same networks; full: size=512 frames=300 width=1024 batch=160000 iterations=100000.

    Args:
        folder: for fit_video.png, some frames.
        video: "clip", a GIF or a film; size: pixels along the longer side; frames: how many.
        seconds, iterations, batch, width, layers, seed: of each network's training.
    """
    film = read_video(video, size, frames)
    found = fits(fit_video(video, size, frames), film, Training(seconds, iterations, batch, width, layers, seed),
                 octaves=max(1, round(np.log2(size)) - 2))
    panels = _frames("given", film.values)
    for f in found:
        panels |= _frames(f.method, f.values)
    draw(folder / "fit_video.png", panels, columns=FRAMES)
    setting = f"{video}, {film.shape[0]} frames of {film.shape[2]} × {film.shape[1]}"
    return rows("fit_video", found, setting, measure="PSNR, dB", value=lambda v: decibels(v - film.values),
                published={"SIREN": PUBLISHED})


def show(solution: Solution, folder: Path) -> list[str]:
    """The video as a GIF, and some of its frames."""
    problem = solution.problem
    region = problem.constraints[0].region
    assert isinstance(region, PointSet)
    lattice = Lattice.of(region.values)
    assert lattice is not None  # the problem was made of whole frames
    columns, rows_, count = lattice.counts
    x, y, t = lattice.places(region.values)
    order = np.lexsort((x, -y, t))
    shape = (count, rows_, columns)
    given = np.stack([c[order].reshape(shape) for _, c in region.columns], axis=-1)
    values = np.stack([solution(u, region.values[order]).reshape(shape) for u in problem.fields], axis=-1)
    if given.shape[-1] == 1:
        given, values = given[..., 0], values[..., 0]
    Video(problem.name or "video", 1 / float(lattice.spacing[2]), values).save(folder / "video.gif")
    draw(folder / "picture.png", _frames("given", given) | _frames("the field", values), columns=FRAMES)
    return [f"PSNR {decibels(values - given):.1f} dB over all pixels of all frames", "wrote video.gif and picture.png"]


def _frames(name: str, values: Array) -> dict[str, Array]:
    chosen = np.linspace(0, len(values) - 1, FRAMES).round().astype(int)
    return {f"{name}, frame {k + 1}": values[k] for k in chosen}


EXPERIMENT = Experiment(compare, ("fit_video",), show)
