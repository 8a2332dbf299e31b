"""The one training loop: time, progress, Ctrl-C, divergence and the best so far, for every solver alike."""

import math
import time
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
import torch
from tqdm import tqdm

from pinnsiren.checkpoint import Keeper
from pinnsiren.errors import RankError
from pinnsiren.problem import Problem
from pinnsiren.ranks import Signals
from pinnsiren.solution import Code, History, Status
from pinnsiren.solvers.task import Best, Step, Task


@dataclass
class Watch:
    """What the loop keeps: the best so far, the history, and the bar.

    Args:
        own: the best of this run.
        earlier: the best of a solve that begins anew now. It counts until its phase has come again, and has given something
            better or is over.
        before: the history of the solve that is gone on with.
    """

    problem: Problem
    start: float
    progress: bool | None
    own: Best = field(default_factory=Best)
    earlier: Best | None = None
    before: History | None = None
    steps: list[tuple[float, Step]] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        disable = None if self.progress is None else not self.progress
        self.bar = tqdm(desc=self.problem.name or "solve", unit="it", disable=disable, dynamic_ncols=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.bar.close()

    def take(self, step: Step) -> None:
        self.steps.append((time.monotonic() - self.start, step))
        before = self.own.step
        self.own.update(step)
        if self.earlier is not None and self.earlier.step is not None and self.own.step is not None:
            phase = self.earlier.step.phase
            over = before is not None and before.phase == phase != self.own.step.phase
            if over or (self.own.step.phase == phase and self.own.step.measure < self.earlier.step.measure):
                self.earlier = None
        self.bar.set_postfix({"loss": f"{step.loss:.1e}", **{k: f"{v:.1e}" for k, v in step.residuals.items()}}, refresh=False)
        self.bar.set_description(f"{step.phase} {step.note}".strip(), refresh=False)
        self.bar.update()

    @property
    def best(self) -> Best:
        """What the solve would end with now."""
        return self.own if self.earlier is None or self.earlier.step is None else self.earlier

    def history(self) -> History:
        steps = [s for _, s in self.steps]
        names = list(steps[-1].residuals) if steps else []
        found = History(np.array([t for t, _ in self.steps]), np.array([s.loss for s in steps]),
                        np.array([s.measure for s in steps]), {n: np.array([s.residuals[n] for s in steps]) for n in names},
                        tuple(f"{s.phase}: {s.note}" if s.note else s.phase for s in steps))
        return found if self.before is None else self.before.followed_by(found)


def run(task: Task, watch: Watch, keeper: Keeper, signals: Signals, *, chosen: bool) -> Status:
    """Take one item after another until the solver is done or something ends it."""
    try:
        for step in keeper.declared.solver.iterate(task):
            if not math.isfinite(step.loss):
                return _status("diverged", task, watch, "the loss is not finite; the best fields before that are kept. "
                               "Lower the learning rate, scale the problem to values near one, or leave the solver out.")
            stopped, late = signals.stop_all(), task.seconds_left < 0
            again = keeper.will_come_again(step)
            if not again:
                watch.take(step)
            keeper.offer(step, watch.best, watch.history, at_once=stopped or late)
            if again:
                watch.take(step)
            if stopped:
                return _status("interrupted", task, watch, f"a signal ended it; the best so far is kept.{_advice(keeper)}")
            if late:
                return _status("time", task, watch, "max_time is over; the best so far is kept. Allow more time.")
    except KeyboardInterrupt:
        return _status("interrupted", task, watch, f"stopped by Ctrl-C; the best so far is kept.{_advice(keeper)}")
    except RankError as error:
        signals.lost = True
        return _status("failed", task, watch, f"{error}; the best so far is kept.{_advice(keeper)}")
    except (RuntimeError, MemoryError) as error:  # LinAlgError and OutOfMemoryError are RuntimeErrors
        known = isinstance(error, (torch.linalg.LinAlgError, MemoryError))  # type: ignore[attr-defined]
        if not known and not out_of_memory(error):
            raise
        return _status("failed", task, watch, f"{type(error).__name__}: {error}; the best so far is kept. "
                       "Use fewer points or a narrower network, or another solver.")
    return _finished(task, watch, chosen=chosen)


def out_of_memory(error: Exception) -> bool:
    """Whether torch found no memory: on a GPU it has an error of its own for that, on a CPU none."""
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


def _advice(keeper: Keeper) -> str:
    """How to go on after an interruption."""
    if keeper.path is None:
        return ""
    return f" ps.resume('{keeper.path}') goes on from its last checkpoint, on any number of processes."


def _finished(task: Task, watch: Watch, chosen: bool) -> Status:
    best = watch.best.step
    if best is None:
        return _status("diverged", task, watch, "no iteration gave finite fields. Look at the equations' values, "
                       "and at problem.check().")
    if not best.estimates:
        return _status("finished", task, watch, f"loss {best.loss:.1e}. Validate it; more iterations may lower the loss.")
    if best.measure <= task.target:
        return _status("converged", task, watch, f"estimated relative error {best.measure:.1e}, below the target.")
    if best.measure <= task.problem.tolerance and chosen and not task.asked and not task.problem.is_linear:
        return _status("finished", task, watch, f"estimated relative error {best.measure:.1e}, for a tolerance of "
                       f"{task.problem.tolerance:.0e}; with a target below it more work is done.")
    if best.measure <= task.problem.tolerance:
        goal = (f"the target {task.target:.0e} was not reached" if task.asked else
                f"the tolerance of {task.problem.tolerance:.0e} is met")
        return _status("finished", task, watch, f"estimated relative error {best.measure:.1e}; {goal}, and more work would "
                       "hardly pay.")
    if chosen:
        return _status("stalled", task, watch, f"the estimated relative error stays at {best.measure:.1e}. Look for corners, "
                       "layers, jumps or noise that a smooth field cannot follow, and validate before use.")
    return _status("stalled", task, watch, f"the solver ended at an estimated relative error of {best.measure:.1e}. Allow "
                   "more iterations, more points or a wider network, or leave network and solver out.")


def _status(code: Code, task: Task, watch: Watch, advice: str) -> Status:
    best = watch.best.step
    good = best is not None and (best.measure <= task.problem.tolerance or code == "finished")
    return Status(code, good and code not in ("diverged", "failed"), advice)
