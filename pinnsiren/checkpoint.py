"""Checkpoints: a solve under way in one file, from which it goes on with the same result, on any number of processes."""

import copy
import os
import pkgutil
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from importlib import import_module
from typing import Any, cast

import torch

from pinnsiren import solvers, storage
from pinnsiren.ansatz import Ansatz
from pinnsiren.errors import SolveError, StorageError
from pinnsiren.formulation import formulate
from pinnsiren.model import Model, set_parameters
from pinnsiren.problem import Problem
from pinnsiren.ranks import Ranks
from pinnsiren.solution import History, Modules, model_of, networks_record
from pinnsiren.solvers.sequence import Sequence
from pinnsiren.solvers.task import Best, Solver, Step
from pinnsiren.version import __version__

FORMAT = 2
Path = str | os.PathLike[str]


class CheckpointWarning(UserWarning):
    """A checkpoint that could not be written; the solve goes on, and the last one is as it was."""


@dataclass(frozen=True)
class Declared:
    """What does not change during a solve.

    Args:
        problem, seed, points, target, memory_limit: as they were given to ``solve``.
        ansatz: that is used.
        dtype: that was asked for, or None.
        products: precision of large products, see :class:`Task`.
        solver: that does the work.
        given: whether the network is the user's.
    """

    problem: Problem
    ansatz: Ansatz | None
    solver: Solver
    seed: int
    points: int | Mapping[str, int] | None
    target: float | None
    memory_limit: float
    dtype: torch.dtype | None
    products: torch.dtype | None
    given: bool


@dataclass(frozen=True)
class Checkpoint:
    """A solve under way.

    Args:
        state: of the solver, see :class:`Snapshot`; None if it begins anew, from the best fields where the network is given.
        model: the fields to go on with; None where the solver chooses its network again.
        best: the best so far.
        history: up to here.
    """

    declared: Declared
    state: Mapping[str, Any] | None
    model: Model | None
    best: Best
    history: History

    @classmethod
    def read(cls, path: Path, *, network: Modules | None = None, solver: Solver | None = None) -> "Checkpoint":
        """What a :class:`Keeper` wrote.

        Args:
            network, solver: the user's own, if there were such: files hold no code.

        Raises:
            StorageError: a file that is missing, truncated or damaged, no checkpoint, or of another format.
            SolveError: a solver that the file cannot hold, or another one than was used.
        """
        record = storage.read(path)
        if record.get("what") != "checkpoint":
            raise StorageError(f"{path} is no checkpoint, but what {'ps.load' if 'networks' in record else 'another'} reads. "
                               "Give a file that solve(…, checkpoint=path) wrote.")
        if record["format"] != FORMAT:
            raise StorageError(f"{path} is a checkpoint of format {record['format']}, by pinnsiren {record['version']}; this "
                               f"pinnsiren {__version__} knows format {FORMAT}. Go on with the version that wrote it.")
        used = _solver(record, solver, path)
        try:
            told, networks, best = record["declared"], record["networks"], record["best"]
            dtypes = {k: None if told[k] is None else getattr(torch, told[k]) for k in ("dtype", "products")}
            declared = Declared(**{**told, "problem": record["problem"], "ansatz": record["ansatz"], "solver": used, **dtypes})
            forms = formulate(record["problem"], record["ansatz"]).forms if isinstance(network, Mapping) else {}
            model = partial(model_of, module=network, path=path, forms=forms)
            history = History(**{**record["history"], "phases": tuple(record["history"]["phases"])})
            return cls(declared, record["state"], None if networks is None else model(networks),
                       Best.of(best, None if best is None else model(best["networks"])), history)
        except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
            raise StorageError(f"{path} is no checkpoint of pinnsiren: {type(error).__name__} {error}.") from error


@dataclass
class Keeper:
    """Writes checkpoints while a solve runs, on the first rank alone.

    Args:
        path: of the file, or None for none. Each one replaces the last when it is whole on disk.
        every: seconds between two of them.
    """

    path: Path | None
    every: float
    declared: Declared
    ranks: Ranks
    last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if not self.every >= 0:
            raise SolveError(f"checkpoint_every={self.every}; give seconds >= 0.")
        if self.path is not None and self.ranks.is_first:
            storage.require_writable(self.path)

    def will_come_again(self, step: Step) -> bool:
        """Whether who goes on from a step begins with it."""
        return step.snapshot is not None and step.snapshot.solver is self.declared.solver

    def offer(self, step: Step, best: Best, history: Callable[[], History], *, at_once: bool = False) -> None:
        """Write if it is time.

        Args:
            step: at which the solver waits. ``best`` and ``history`` know it, unless it will come again when the solver goes on
                from its snapshot (see :meth:`will_come_again`).
        """
        if self.path is None or not self.ranks.is_first:
            return
        if not at_once and time.monotonic() - self.last < self.every:
            return
        try:
            storage.write(self.path, self._record(step, best, history()))
        except StorageError as error:
            warnings.warn(f"no checkpoint was written: {error}", CheckpointWarning, stacklevel=2)
        self.last = time.monotonic()

    def _record(self, step: Step, best: Best, history: History) -> dict[str, Any]:
        d, snapshot = self.declared, step.snapshot
        own = self.will_come_again(step)
        kept = step.model if own else (_restored(best) or step.model) if d.given else None
        told = best.record()
        points = d.points if d.points is None or isinstance(d.points, int) else dict(d.points)
        return {
            "what": "checkpoint", "format": FORMAT, "version": __version__,
            "problem": d.problem, "ansatz": d.ansatz, "solver": solver_record(d.solver), "solver_text": repr(d.solver),
            "declared": {"seed": d.seed, "points": points, "target": d.target, "memory_limit": d.memory_limit,
                         "given": d.given, "dtype": _name(d.dtype), "products": _name(d.products)},
            "state": dict(snapshot.state()) if own and snapshot is not None else None,
            "networks": None if kept is None else networks_record(kept),
            "best": None if told is None or best.step is None else {**told, "networks": networks_record(best.step.model)},
            "history": {"seconds": history.seconds, "loss": history.loss, "measure": history.measure,
                        "residuals": dict(history.residuals), "phases": list(history.phases)}}


def _name(dtype: torch.dtype | None) -> str | None:
    return None if dtype is None else str(dtype).removeprefix("torch.")


def _restored(best: Best) -> Model | None:
    """A copy of the best model with its best parameters: the solver's own goes on with others."""
    if best.step is None or best.parameters is None:
        return None
    found = copy.deepcopy(best.step.model)
    set_parameters(found, best.parameters)
    return found


def known_solvers() -> dict[str, type[Solver]]:
    """The solvers of pinnsiren by name: the only ones that a file may name."""
    modules = [import_module(m.name) for m in pkgutil.iter_modules(solvers.__path__, solvers.__name__ + ".")]
    return {c.__name__: c for m in modules for c in vars(m).values()
            if isinstance(c, type) and issubclass(c, Solver) and c.__module__ == m.__name__}


def solver_record(solver: Solver) -> dict[str, Any] | None:
    """A solver as plain values; None for one that is not pinnsiren's, or that holds such a one."""
    kind = type(solver)
    if known_solvers().get(kind.__name__) is not kind or not (kind is Sequence or is_dataclass(kind)):
        return None
    if isinstance(solver, Sequence):
        inner = [solver_record(s) for s in solver.solvers]
        return None if None in inner else {"class": "Sequence", "solvers": inner}
    attributes: dict[str, Any] = {}
    for name in [f.name for f in fields(cast(Any, solver))]:
        value = getattr(solver, name)
        if isinstance(value, Solver):
            value = solver_record(value)
            if value is None:
                return None
        attributes[name] = {"dtype": str(value).removeprefix("torch.")} if isinstance(value, torch.dtype) else value
    return {"class": type(solver).__name__, "attributes": attributes}


def solver_of(record: Mapping[str, Any]) -> Solver:
    """The solver of such a record.

    Raises:
        StorageError: one that is not known.
    """
    kind = known_solvers().get(record["class"])
    if kind is None:
        raise StorageError(f"'{str(record['class'])[:60]}' is no solver of this pinnsiren")
    if kind is Sequence:
        return Sequence(*map(solver_of, record["solvers"]))
    return kind(**{name: _attribute(value) for name, value in record["attributes"].items()})


def _attribute(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"dtype"}:
        return getattr(torch, value["dtype"])
    return solver_of(value) if isinstance(value, Mapping) and "class" in value else value


def _solver(record: Mapping[str, Any], given: Solver | None, path: Path) -> Solver:
    """The solver of a checkpoint, or the user's own in its place."""
    if record["solver"] is None:
        if given is None:
            raise SolveError(f"{path} was written with {record['solver_text']}, which no file can hold; give it again: "
                             "ps.resume(path, solver=…).")
        return given
    try:
        found = solver_of(record["solver"])
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{path} names a solver that cannot be made: {record['solver_text']} ({error}).") from error
    if given is not None and repr(given) != repr(found):
        raise SolveError(f"{path} is a checkpoint of {found!r}, and solver={given!r} cannot go on from it; leave solver out.")
    return found
