"""The experiments of the SIREN paper, one file each: methods side by side, and what a solution looks like.

A new experiment is one new file here with an ``EXPERIMENT``; nothing else has to name it.
Reference: Sitzmann et al., Implicit neural representations with periodic activation functions, NeurIPS 2020.
"""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.solution import Solution

__all__ = ["Experiment", "Row", "experiments", "show"]


def experiments() -> dict[str, Experiment]:
    """All of them, by the names of their files, in alphabetical order."""
    modules = {m.name: import_module(f"{__name__}.{m.name}") for m in sorted(iter_modules(__path__), key=lambda m: m.name)}
    found = {name: vars(module).get("EXPERIMENT") for name, module in modules.items()}
    return {name: e for name, e in found.items() if isinstance(e, Experiment)}


def show(solution: Solution, folder: Path) -> list[str]:
    """Write what a solution of an experiment's problem is to a folder; lines to print, none for other problems."""
    for experiment in experiments().values():
        if experiment.show is not None and solution.problem.name in experiment.problems:
            return experiment.show(solution, folder)
    return []
