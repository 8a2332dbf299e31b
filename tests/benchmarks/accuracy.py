"""Relative error and seconds of ``ps.solve(problem)`` with no tuning argument, over the whole catalogue.

    python -m tests.benchmarks.accuracy                      # everything
    python -m tests.benchmarks.accuracy poisson_sine heat_1d # only these

The error is that of ``ps.validate``: against the exact solution where there is one, else against the reference that it
chooses, whose own error stands beside it.
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
    "poisson_cubic": (1e-8, 30), "helmholtz_sine": (1e-11, 20), "helmholtz_point_source": (5e-3, 300),
    "helmholtz_scattering": (1e-2, 600), "wave_1d": (1e-10, 20), "wave_gaussian": (2e-2, 600), "eikonal_gradient": (1e-8, 20),
    "burgers": (1e-3, 300), "heat_1d": (1e-10, 60), "kovasznay": (1e-8, 120), "unknown_speed": (1e-4, 300),
}


def main() -> None:
    names = sys.argv[1:] or [name for name in catalogue() if not name.startswith("image")]
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, pinnsiren {ps.__version__}"
    table = Table("problem", "relative L2", "maximum", "seconds", "reference", "its error", "verdict", "target", "status",
                  title=f"ps.solve(problem), defaults — {machine}")
    for name in names:
        table.add_row(*_row(name))
        print(" | ".join(list(column.cells)[-1] for column in table.columns), flush=True)  # type: ignore[misc]
    Console(width=170).print(table)


def _row(name: str) -> list[str]:
    problem = catalogue()[name]()
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.ProblemWarning)
        solution = ps.solve(problem, progress=False)
    seconds = time.perf_counter() - start
    report = ps.validate(solution)
    errors = report.errors.values()
    error = max((e.relative_l2 for e in errors), default=float("nan"))
    return [name, f"{error:.1e}", f"{max((e.maximum for e in errors), default=float('nan')):.1e}", f"{seconds:.1f}",
            report.reference or "none", f"{max((e.reference_error for e in errors), default=float('nan')):.0e}", report.verdict,
            _target(name, error, seconds, solution), solution.status.code]


def _target(name: str, error: float, seconds: float, solution: ps.Solution) -> str:
    """Whether the target is met, for scalars by their own relative errors."""
    problem = solution.problem
    if problem.unknowns and problem.exact is not None:
        truth = {c: float(problem.exact[c].xreplace({p: p.value for p in problem.exact[c].atoms(ps.Parameter)}))
                 for c in problem.unknowns if c in problem.exact}
        apart = {c: abs(solution.unknowns[c].value / value - 1) for c, value in truth.items()}
        error = max(apart.values(), default=error)
    if name not in TARGETS:
        return "–"
    wanted, limit = TARGETS[name]
    return f"{wanted:.0e} in {limit} s: {'met' if error <= wanted and seconds <= limit else 'MISSED'} ({error:.1e})"


if __name__ == "__main__":
    main()
