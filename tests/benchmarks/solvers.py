"""Relative error of every solver for the same network after the same processor time: ``python -m tests.benchmarks.solvers``.

    python -m tests.benchmarks.solvers                              # four problems, eight solvers, 30 s each: 16 minutes
    python -m tests.benchmarks.solvers burgers eikonal_terrain --seconds 60 --width 64
    python -m tests.benchmarks.solvers --balance                    # Adam's ways to balance, on soft boundary conditions

Solvers take turns of a tenth of their time in one process, so that whatever else the machine does meets all alike; what counts
is processor time, starts included. First-order methods are told how many iterations that will be, from a short run before, so
their schedules come to an end. Networks begin with the same weights, and each solver works in its own precision with its
own default points. The error is that of ``ps.validate`` for the fields of lowest measure; conditions are built in where
``ps.solve`` builds them in, unless ``--soft`` asks for rows.
"""

import argparse
import math
import platform
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

import pinnsiren as ps
from pinnsiren.ansatz import chosen
from pinnsiren.equations import catalogue
from pinnsiren.formulation import Formulation, formulate
from pinnsiren.model import Model, groups
from pinnsiren.solution import History, Status
from pinnsiren.solvers.first_order import FirstOrder
from pinnsiren.solvers.task import Best, Solver, Step, Task

PROBLEMS = ("poisson_bump", "helmholtz_sine", "burgers", "allen_cahn")
SOLVERS: Mapping[str, Solver] = {
    "Adam, rate 1e-4": ps.Adam(iterations=10**6, rate=1e-4), "Adam": ps.Adam(iterations=10**6, batch=1024),
    "SOAP": ps.SOAP(iterations=10**6, batch=1024), "Muon": ps.Muon(iterations=10**6, batch=1024),
    "L-BFGS": ps.LBFGS(iterations=10**6), "SSBroyden": ps.SSBroyden(iterations=10**6), "NNCG": ps.NNCG(iterations=10**6),
    "GaussNewton": ps.GaussNewton(iterations=10**6),
}
BALANCES: Mapping[str, Solver] = {
    str(kind): ps.SOAP(iterations=10**6, points=1024, balance=kind) for kind in (None, "gradient", "ntk", "self-adaptive")}
TURNS = 10
TRIAL = 5000  # iterations, more than fit into a tenth of the time, and too few for compilers to be tried


@dataclass
class Run:
    """One solver at work on one problem, with the processor time that it has used."""

    formulation: Formulation
    problem: ps.Problem
    steps: Iterator[Step]
    best: Best = field(default_factory=Best)
    used: float = 0.0
    iterations: int = 0
    ended: str = ""

    def go_on(self, until: float) -> None:
        """Take steps until so much processor time is used in all, or the solver ends."""
        while self.used < until and not self.ended:
            start = time.process_time()
            try:
                step = next(self.steps, None)
            except (ps.SolveError, torch.linalg.LinAlgError) as error:
                step, self.ended = None, str(error).split(":")[0]
            if step is None:
                self.ended = self.ended or f"ended after {self.used:.0f} s"
            elif not math.isfinite(step.loss):
                self.ended = "diverged"
            else:
                self.best.update(step)
                self.iterations = self.iterations + 1 if step.iteration is None else step.iteration
            self.used += time.process_time() - start

    def error(self) -> float:
        """The largest relative L2 error of the fields."""
        model = self.best.restore()
        if model is None:
            return math.nan
        empty = History(np.zeros(0), np.zeros(0), np.zeros(0), {}, ())
        solution = ps.Solution(self.problem, model, empty, Status("finished", True, ""), forms=self.formulation.forms)
        return max(e.relative_l2 for e in ps.validate(solution).errors.values())


def start(name: str, solver: Solver, *, width: int, layers: int, frequency: float, soft: bool) -> Run:
    """A solver at its first step."""
    problem = catalogue()[name]()
    formulation = formulate(problem, None if soft else problem.ansatz or chosen(problem))
    solved = formulation.problem
    fields, = groups(solved.carried)
    box = [solved.bounds[c] for c in fields[0].coordinates]
    periodic = [c in solved.periodic for c in fields[0].coordinates]
    network = ps.Siren(len(box), len(fields), width, layers, omega0=[frequency] + [1.0] * (layers - 1), box=box,
                       periodic=periodic, dtype=solver.dtype)
    task = Task(solved, Model({fields: network}), effects=formulation.effects)
    return Run(formulation, problem, solver.iterate(task))


def paced(name: str, solver: Solver, seconds: float, **given: Any) -> Solver:
    """A first-order solver with as many iterations as it makes in so many seconds, going by a tenth of them after its start."""
    if not isinstance(solver, FirstOrder):
        return solver
    trial = start(name, replace(solver, iterations=TRIAL), **given)
    trial.go_on(1e-9)
    begun, first = trial.used, trial.iterations
    trial.go_on(begun + seconds / 10)
    pace = (trial.iterations - first) / (trial.used - begun)
    return replace(solver, iterations=max(1, round(pace * (seconds - begun))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=PROBLEMS, help="problems of the catalogue")
    parser.add_argument("--seconds", type=float, default=30, help="processor time of each solver")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--frequency", type=float, default=4.0, help="omega0 of the first sine layer; 1 in the others")
    parser.add_argument("--soft", action="store_true", help="boundary conditions as rows")
    parser.add_argument("--balance", action="store_true", help="ways to balance in place of solvers; soft")
    parser.add_argument("--solvers", help="only those of these names, with commas between them")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    solvers = BALANCES if given.balance else SOLVERS
    if given.solvers:
        solvers = {name: solvers[name] for name in given.solvers.split(",")}
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, pinnsiren {ps.__version__}; Siren {given.layers} × "
          f"{given.width}, {given.seconds:.0f} s of processor time each; relative L2 error (iterations)\n")
    print("| problem | " + " | ".join(solvers) + " |\n|" + " --- |" * (len(solvers) + 1), flush=True)
    for name in given.names:
        shape = {"width": given.width, "layers": given.layers, "frequency": given.frequency,
                 "soft": given.soft or given.balance}
        runs = [start(name, paced(name, s, given.seconds, **shape), **shape) for s in solvers.values()]
        for turn in range(1, TURNS + 1):
            for run in runs:
                run.go_on(given.seconds * turn / TURNS)
        cells = [f"{run.error():.1e} ({run.iterations}{', ' + run.ended if run.ended else ''})" for run in runs]
        print(f"| `{name}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
