"""Relative error and seconds of ``ps.solve(problem)`` with no tuning argument: ``python -m tests.benchmarks.accuracy``.

Name problems to run only these: ``python -m tests.benchmarks.accuracy poisson_sine poisson_bump``.
"""

import platform
import sys
import time
import warnings

import torch
from rich.console import Console
from rich.table import Table

import pinnsiren as ps
from pinnsiren.equations import catalogue

TARGETS = {  # (relative L2 error, seconds) on two cores
    "poisson_sine": (1e-11, 20), "poisson_exp_sin": (1e-11, 20), "poisson_bump": (1e-8, 20), "poisson_two_scale": (1e-6, 60),
    "poisson_cubic": (1e-8, 30),
}


def main() -> None:
    names = sys.argv[1:] or [name for name, make in catalogue().items() if not name.startswith("image")]
    table = Table("problem", "relative L2", "maximum", "seconds", "target", "estimate", "status",
                  title=f"ps.solve(problem), defaults — {platform.machine()}, {torch.get_num_threads()} threads, "
                        f"torch {torch.__version__}, pinnsiren {ps.__version__}")
    for name in names:
        table.add_row(*_row(name))
        print(" | ".join(_cells(table)), flush=True)
    Console(width=140).print(table)


def _row(name: str) -> list[str]:
    problem = catalogue()[name]()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.ProblemWarning)
        solution = ps.solve(problem, progress=False)
    seconds = time.perf_counter() - start
    errors = [ps.validate(solution, ps.Exact()).errors[u] for u in problem.fields]
    error, largest = max(e.relative_l2 for e in errors), max(e.maximum for e in errors)
    target = "–"
    if name in TARGETS:
        wanted, limit = TARGETS[name]
        target = f"{wanted:.0e} in {limit} s: {'met' if error <= wanted and seconds <= limit else 'MISSED'}"
    return [name, f"{error:.1e}", f"{largest:.1e}", f"{seconds:.1f}", target, f"{solution.history.measure.min():.1e}",
            solution.status.code]


def _cells(table: Table) -> list[str]:
    return [list(column.cells)[-1] for column in table.columns]  # type: ignore[misc]


if __name__ == "__main__":
    main()
