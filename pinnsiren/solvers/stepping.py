"""Loss and gradient of a first-order step, by whichever engine is the fastest; every engine gives the same.

An engine is a callable (residual, objective) -> (r, loss) that adds the loss's gradient to the parameters'. The plain one
goes through points in chunks where tapes would not fit. Others are tried once, when so much work is left that even in
vain a trial costs little: they must give the same loss and gradient, then all take turns for some steps, and the fastest
goes on. An engine that fails is left out, and a note says so.
"""

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pinnsiren.model import Model
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.residual import Residual
from pinnsiren.solvers.chunks import SHARE, Chunks, Objective

if TYPE_CHECKING:
    from pinnsiren.solvers.captured import Recorded

WARM = 3  # first steps, which are not timed: they touch memory for the first time
TIMED = 5  # steps of each engine
WORTH = 300.0  # seconds of work left: compilation takes 10 to 60, and wins 3 to 50 % of them
MARGIN = 0.95  # of the plain engine's time is a gain: less is noise


class Engine(ABC):
    """A way to a loss and its gradient."""

    name: str

    @property
    def note(self) -> str:
        """What it has to say, or ""."""
        return ""

    @abstractmethod
    def __call__(self, residual: Residual, objective: Objective) -> tuple[Tensor, Tensor]:
        """(r, loss), detached; the gradient is added to the parameters'.

        Raises:
            RuntimeError, OSError, ImportError: it does not work here.
        """


class Eager(Engine):
    """One forward and one reverse pass, of all points at once where their tapes take half of the memory limit at most."""

    name = "eager"

    def __init__(self, memory_limit: float) -> None:
        self._memory, self._count = SHARE * memory_limit, 0
        self._chunks: Chunks | None = None

    def needed(self, residual: Residual) -> Chunks | None:
        """The chunks that these points need; None where the tapes of all fit."""
        if self._chunks is None or sum(s.count for s in residual.samples) > self._count:
            self._chunks, self._count = Chunks(residual, self._memory), sum(s.count for s in residual.samples)
        return self._chunks if self._chunks.bytes > self._memory else None

    def __call__(self, residual: Residual, objective: Objective) -> tuple[Tensor, Tensor]:
        chunks = self.needed(residual)
        if chunks is not None:
            return chunks.gradient(residual, objective)
        r = residual()
        loss = objective(residual, r)
        loss.backward()
        return r.detach(), loss.detach()


@dataclass(frozen=True)
class Compiled(Engine):
    """Another engine, activations being compiled kernels meanwhile."""

    model: Model
    inner: Engine
    name: str = "compiled kernels"

    def __call__(self, residual: Residual, objective: Objective) -> tuple[Tensor, Tensor]:
        with _fused(self.model):
            return self.inner(residual, objective)


class Stepping:
    """The engine of one run.

    Args:
        model: whose gradient is wanted.
        memory_limit: bytes; half of them may go into tapes.
        steps: how many there will be.
        seconds_left: until the run has to end.
        rivals: engines to try beside the plain one; None for compiled kernels, where there are activations.
        recorded: an engine that goes before all others where it is of use and the tapes of all points fit; or None.
    """

    def __init__(self, model: Model, *, memory_limit: float, steps: int, seconds_left: Callable[[], float],
                 rivals: Sequence[Engine] | None = None, recorded: "Recorded | None" = None) -> None:
        plain = self._eager = Eager(memory_limit)
        self._recorded = recorded if recorded is not None and recorded.is_of_use else None
        self._model, self._left, self._seconds_left = model, steps, seconds_left
        self._rivals = [Compiled(model, plain)] if rivals is None and _has_kernels(model) else list(rivals or ())
        self._engines: list[Engine] = [plain]
        self._times: dict[str, list[float]] = {plain.name: []}
        self._note, self._warm = "", WARM

    def __call__(self, residual: Residual, objective: Objective) -> tuple[Tensor, Tensor]:
        """(r, loss), detached, the gradient being added to the parameters'."""
        if self._recorded is not None and self._eager.needed(residual) is None:
            found = self._recorded(residual, objective)
            self._note = self._recorded.note
            return found
        if self._rivals and len(self._times[self._engines[0].name]) == TIMED:
            self._admit(residual, objective)
        engine = min(self._engines, key=lambda e: len(self._times[e.name]))
        timed = bool(self._rivals) or len(self._engines) > 1
        start = self._now() if timed else 0.0
        found = engine(residual, objective)
        self._left -= 1
        if self._warm:
            self._warm -= 1
        elif timed:
            self._times[engine.name].append(self._now() - start)
            self._decide()
        return found

    def take_note(self) -> str:
        """What was chosen, once."""
        note, self._note = self._note, ""
        return note

    def _admit(self, residual: Residual, objective: Objective) -> None:
        """Let those rivals in that give the same loss and gradient, if enough is left to do."""
        plain, rivals, self._rivals = self._engines[0], self._rivals, []
        if min(self._seconds_left(), self._left * median(self._times[plain.name])) < WORTH:
            return
        expected = self._trial(plain, residual, objective)
        for rival in rivals:
            try:
                with warnings.catch_warnings():  # compilers speak of their own deprecations, which tell a user nothing
                    warnings.simplefilter("ignore")
                    found = self._trial(rival, residual, objective)
            except (RuntimeError, OSError, ImportError) as error:
                self._note = f"eager: {rival.name} failed ({type(error).__name__}: {str(error).strip().splitlines()[0][:120]})"
                continue
            if not (found - expected).norm() <= torch.finfo(expected.dtype).eps**0.5 * expected.norm():
                self._note = f"eager: {rival.name} gave another gradient"
                continue
            self._engines.append(rival)
        self._times = {engine.name: [] for engine in self._engines}

    def _trial(self, engine: Engine, residual: Residual, objective: Objective) -> Tensor:
        """An engine's loss and gradient as one vector; the parameters' own gradients are put back."""
        parameters = [p for p in self._model.parameters() if p.requires_grad]
        before = [p.grad for p in parameters]
        for p in parameters:
            p.grad = None
        try:
            _, loss = engine(residual, objective)
            return torch.cat([loss.reshape(1), *(torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                                                 for p in parameters)])
        finally:
            for p, gradient in zip(parameters, before, strict=True):
                p.grad = gradient

    def _decide(self) -> None:
        """Keep the fastest engine, once all have had their turns."""
        if len(self._engines) == 1 or any(len(self._times[e.name]) < TIMED for e in self._engines):
            return
        times, plain = {e.name: median(self._times[e.name]) for e in self._engines}, self._engines[0]
        best = min(self._engines, key=lambda e: times[e.name] * (MARGIN if e is plain else 1.0))
        listed = ", ".join(f"{name} {1e3 * seconds:.3g} ms" for name, seconds in times.items())
        self._engines, self._note = [best], f"fastest engine: {best.name} ({listed} a step)"

    def _now(self) -> float:
        if self._model.reference.device.type == "cuda":
            torch.cuda.synchronize(self._model.reference.device)
        return time.perf_counter()


def _has_kernels(model: nn.Module) -> bool:
    return any(isinstance(network, FeedForward) for network in model.modules())


@contextmanager
def _fused(model: nn.Module) -> Iterator[None]:
    networks = [network for network in model.modules() if isinstance(network, FeedForward)]
    for network in networks:
        network.fused = True
    try:
        yield
    finally:
        for network in networks:
            network.fused = False
