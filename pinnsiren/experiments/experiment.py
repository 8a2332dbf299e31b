"""What an experiment is: how a solution of its problem is shown, and the methods that are compared on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinnsiren.solution import Solution


@dataclass(frozen=True)
class Row:
    """One method in an experiment's table.

    Attributes:
        method: the network and the solver.
        setting: what is needed to do it again: "256 × 256 pixels, 60 s".
        value: what came out, in the unit of ``measure``.
        measure: "PSNR, dB", "MSE", …
        seconds: of the wall clock, for all of it.
        published: what the paper or a later one has, with its setting; empty where there is nothing.
    """

    experiment: str
    method: str
    setting: str
    value: float
    measure: str
    seconds: float
    published: str = ""


@dataclass(frozen=True)
class Experiment:
    """One of the paper's experiments. Each file of this folder has one, as ``EXPERIMENT``.

    Attributes:
        compare: (folder, **settings) → rows of the table; pictures go to the folder. Its keyword arguments, which all have
            defaults, are the experiment's settings; with the defaults it takes at most five minutes on two cores.
        problems: names of the catalogue problems that it is about.
        show: writes what a solution of these is (an image, a sound, a surface) to a folder, and returns lines to print.
    """

    compare: Callable[..., list[Row]]
    problems: Sequence[str] = ()
    show: Callable[[Solution, Path], list[str]] | None = None
