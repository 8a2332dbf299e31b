"""Relative error and seconds of ``ps.solve(problem)`` with no tuning argument, and with ``target=`` where more is wanted.

    python -m tests.benchmarks.accuracy                      # those with a target, a quarter of an hour on two cores
    python -m tests.benchmarks.accuracy --all                # the whole catalogue, two hours
    python -m tests.benchmarks.accuracy poisson_sine heat_1d # only these
    python -m tests.benchmarks.accuracy --seconds 120        # with max_time

The error is that of ``ps.validate``: against the exact solution where there is one, else against the reference that it
chooses, whose own error stands beside it. Each problem has a process of its own, so that none is measured in the memory or
with the caches of another. Rows are printed as they are found, in Markdown.
"""

import argparse
import math
import multiprocessing
import platform
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch

import pinnsiren as ps
from pinnsiren.equations import catalogue

TARGETS = {  # (relative L2 error, seconds) on two cores; of unknown_speed the scalar's
    "poisson_sine": (1e-12, 5), "poisson_exp_sin": (1e-12, 20), "poisson_bump": (1e-9, 20), "poisson_corner": (1e-4, 60),
    "poisson_two_scale": (1e-8, 60), "poisson_5d": (1e-7, 120), "poisson_10d": (1e-7, 60), "poisson_cubic": (1e-9, 30),
    "helmholtz_sine": (1e-12, 5), "helmholtz_point_source": (1e-3, 120), "wave_1d": (1e-11, 10), "wave_gaussian": (1e-2, 600),
    "burgers": (1e-5, 300), "heat_1d": (1e-11, 10), "eikonal_gradient": (1e-9, 10), "eikonal_terrain": (5e-3, 120),
    "kovasznay": (1e-8, 120), "unknown_speed": (1e-4, 300),
}
ASKED = {"burgers": 1e-6}  # target= of a second solve, whose max_time is the table's: for errors far below the tolerance
PART = 0.95  # of the table's time: a last step may take longer
HEADER = ("problem", "relative L2", "maximum", "seconds", "estimated by the solve", "reference", "its error", "verdict",
          "target")


@dataclass(frozen=True)
class Outcome:
    """One solve, measured."""

    error: float
    maximum: float
    seconds: float
    estimate: float
    reference: str
    reference_error: float
    verdict: str
    scalars: float | None  # the largest relative error of unknown scalars

    def cells(self, name: str, asked: float | None) -> list[str]:
        title = f"`{name}`" if asked is None else f"`{name}`, `target={asked:.0e}`"
        wanted = "–" if asked is None and name in ASKED else self._target(name)
        return [title, f"{self.error:.1e}", f"{self.maximum:.1e}", f"{self.seconds:.1f}", f"{self.estimate:.1e}",
                self.reference, f"{self.reference_error:.0e}", self.verdict, wanted]

    def _target(self, name: str) -> str:
        if name not in TARGETS:
            return "–"
        wanted, limit = TARGETS[name]
        error = self.error if self.scalars is None else self.scalars
        reached = "met" if error <= wanted and self.seconds <= limit else "**missed**"
        return f"{wanted:.0e} in {limit} s: {reached}" + ("" if self.scalars is None else f" ({error:.1e})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="problems of the catalogue; those with a target by default")
    parser.add_argument("--all", action="store_true", help="the whole catalogue but the images: two hours on two cores")
    parser.add_argument("--seconds", type=float, help="max_time of each solve")
    arguments = parser.parse_args()
    everything = [name for name in catalogue() if not name.startswith("image")]
    names = arguments.names or (everything if arguments.all else list(TARGETS))
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, pinnsiren {ps.__version__}\n")
    print("| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER), flush=True)
    for name, asked in ((n, a) for n in names for a in ((None, ASKED[n]) if n in ASKED else (None,))):
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            try:
                cells = process.submit(measure, name, asked, arguments.seconds).result().cells(name, asked)
            except Exception as error:
                cells = [f"`{name}`", f"{type(error).__name__}: {error}"[:300].replace("\n", " "), *[""] * (len(HEADER) - 2)]
        print("| " + " | ".join(cells) + " |", flush=True)


def measure(name: str, asked: float | None, seconds: float | None) -> Outcome:
    """Solve a problem of the catalogue with defaults, or to a target, and validate."""
    problem = catalogue()[name]()
    warnings.simplefilter("ignore", ps.ProblemWarning)
    start = time.perf_counter()
    allowed = PART * TARGETS[name][1] if seconds is None and asked is not None else seconds
    solution = ps.solve(problem, max_time=allowed, target=asked, progress=False)
    used = time.perf_counter() - start
    report = ps.validate(solution)
    errors = report.errors.values()
    return Outcome(error=max((e.relative_l2 for e in errors), default=math.nan),
                   maximum=max((e.maximum for e in errors), default=math.nan), seconds=used,
                   estimate=float(solution.history.measure.min()), reference=report.reference or "none",
                   reference_error=max((e.reference_error for e in errors), default=math.nan), verdict=report.verdict,
                   scalars=_scalars(solution))


def _scalars(solution: ps.Solution) -> float | None:
    """The largest relative error of the unknown scalars whose true values are known; None where there are none."""
    exact = solution.problem.exact or {}
    truth = {c: exact[c].xreplace({p: p.value for p in exact[c].atoms(ps.Parameter)})
             for c in solution.problem.unknowns if c in exact}
    return max((abs(solution.unknowns[c].value / float(value) - 1) for c, value in truth.items()), default=None)


if __name__ == "__main__":
    main()
