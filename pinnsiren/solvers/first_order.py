"""The loop that every first-order method runs in: points, batches, schedule, clipping and causal weights."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.residual import Residual
from pinnsiren.solvers.balance import Balance, Balancing, balance_for, require_balance
from pinnsiren.solvers.captured import Batches, Recorded
from pinnsiren.solvers.causal import causal_factors, require_strength
from pinnsiren.solvers.snapshot import Snapshot, plain, tensors
from pinnsiren.solvers.stepping import Stepping
from pinnsiren.solvers.task import Solver, Step, Task

Schedule = Literal["constant", "cosine", "exponential"]


@dataclass(frozen=True)
class FirstOrder(Solver):
    """Descent on ½‖r‖² along gradients that an optimiser turns into steps. Every method made of it is final.

    Args:
        iterations: number of steps.
        rate: learning rate; None for ``pace`` over the frequency ω0 of the network's last hidden layer, since z = ω0 (W x + b)
            moves by ω0 times what W moves by. At SIREN's 30, Adam's is the paper's 1e-4.
        batch: points a step, drawn anew from a pool; None takes all points each time.
        points: size of the pool where neither the user nor a point set says.
        schedule: "constant", "cosine" to zero, or "exponential" to a hundredth of the rate. At a constant rate the last steps
            are noise: after as many steps the error was some ten times that after a cosine.
        clip: largest norm of the gradient, or None.
        every: iterations between two reports.
        causal: ε of :func:`causal_factors`, or None for equal weights at all times.
        balance: factors on constraints or rows beside the problem's weights, see :func:`balance_for`; None for none.

    Raises:
        SolveError: a schedule, a balance or a number that makes no sense.
    """

    iterations: int = 10_000
    rate: float | None = None
    batch: int | None = None
    points: int = 8192
    schedule: Schedule = "cosine"
    clip: float | None = None
    every: int = 10
    causal: float | None = None
    balance: Balancing | None = None

    def __post_init__(self) -> None:
        require_strength(self.causal, type(self).__name__)
        require_balance(self.balance, self.batch, type(self).__name__)
        if self.schedule not in get_args(Schedule):
            raise SolveError(f"schedule={self.schedule!r} is not known; choose one of {', '.join(get_args(Schedule))}.")
        if self.iterations < 1 or self.every < 1 or not self.rate_for(1.0) > 0 or (self.batch is not None and self.batch < 1):
            raise SolveError(f"{self} has a number that is not positive; iterations, every and batch count from 1.")
        if self.clip is not None and not self.clip > 0:
            raise SolveError(f"{type(self).__name__}(clip={self.clip}): give a norm > 0, or None.")

    @property
    def pace(self) -> float:
        """The learning rate where it is not given and ω0 is 1."""
        return 3e-3

    def rate_for(self, omega0: float) -> float:
        """The learning rate for hidden layers of a frequency."""
        return self.pace / omega0 if self.rate is None else self.rate

    @abstractmethod
    def optimiser(self, model: Model, rate: float) -> torch.optim.Optimizer:
        """What turns gradients into steps, at a learning rate."""

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    def iterate(self, task: Task) -> Iterator[Step]:
        name = type(self).__name__
        model = task.require_model(name)
        pool = task.residual(model, self.points, seed=21, shared=self.batch is None)
        optimiser = self.optimiser(model, self.rate_for(frequency(model)))
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, self.factor)
        generator = torch.Generator().manual_seed(task.seed)
        balance = None if self.balance is None else balance_for(self.balance, task.seed, task.ranks)
        kept = _Kept(optimiser, scheduler, generator, balance)
        batches, objective = Batches(pool, self.batch, generator, task.ranks), WeightedLoss(self.causal, balance)
        recorded = Recorded(batches, task.device) if balance is None and task.ranks.size == 1 else None
        stepping = Stepping(model, memory_limit=task.memory_limit, steps=self.iterations + 1,
                            seconds_left=lambda: task.seconds_left, recorded=recorded,
                            rivals=None if task.ranks.size == 1 else ())
        for iteration in range(kept.restored(task.state), self.iterations + 1):
            reports = iteration % self.every == 0 or iteration == self.iterations
            drawn = generator.get_state()  # before the batch, which who goes on from here draws again
            weights = kept.weights() if reports else None  # likewise before they change
            batches.draw()
            residual, objective.iteration = batches.residual, iteration
            optimiser.zero_grad(set_to_none=True)
            r, _ = stepping(residual, objective)
            if reports:
                felt = r if self.causal is None else r * causal_factors(residual, r, self.causal)
                measure, value = (residual.half_square(v) for v in (felt, r))
                yield Step(model, measure, value, residual.root_mean_squares(r), name, stepping.take_note(), iteration,
                           estimates=False, snapshot=Snapshot(self, partial(kept.state, iteration, drawn, weights)))
            if iteration == self.iterations:
                return
            task.ranks.sum_gradients(model.parameters())
            if self.clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
            optimiser.step()
            scheduler.step()

    def factor(self, iteration: int) -> float:
        """The learning rate at an iteration, in units of ``rate``."""
        share = min(1.0, iteration / self.iterations)
        return {"constant": 1.0, "cosine": 0.5 * (1 + math.cos(math.pi * share)), "exponential": 0.01**share}[self.schedule]


def frequency(model: Model) -> float:
    """The largest |ω0| that the networks' last hidden layers have; 1 for networks without."""
    networks = [c.network for c in model.carriers]
    return max((abs(float(n.omega0[-1])) for n in networks if isinstance(n, FeedForward) and n.omega0 is not None), default=1.0)


@dataclass
class WeightedLoss:
    """½ Σ w r² with weights in time and of the balance, which are held fixed: the same however often it is asked for.

    Args:
        iteration: whose weights these are.
    """

    causal: float | None
    balance: Balance | None
    iteration: int = 0
    factors: tuple[int, Tensor] | None = None

    def __call__(self, residual: Residual, r: Tensor) -> Tensor:
        felt = r if self.causal is None else r * causal_factors(residual, r, self.causal)
        if self.balance is not None:
            if self.factors is None or self.factors[0] != self.iteration:
                self.factors = self.iteration, self.balance.factors(residual, r, self.iteration)
            felt = felt * self.factors[1]
        return 0.5 * felt.square().sum()


@dataclass(frozen=True)
class _Kept:
    """What the loop needs beside the fields to go on."""

    optimiser: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    generator: torch.Generator
    balance: Balance | None

    def weights(self) -> Any:
        """The balance's, as plain values."""
        return None if self.balance is None else plain(self.balance.weights)

    def state(self, iteration: int, drawn: Tensor, weights: Any) -> dict[str, Any]:
        return {"iteration": iteration, "optimiser": plain(self.optimiser.state_dict()),
                "scheduler": plain(self.scheduler.state_dict()), "generator": plain(drawn),
                "balance": weights}

    def restored(self, state: Mapping[str, Any] | None) -> int:
        """Put a state back; the iteration that is next."""
        if state is None:
            return 0
        self.scheduler.load_state_dict(state["scheduler"])
        self.optimiser.load_state_dict(tensors(state["optimiser"]))  # last, since it has the learning rate, too
        self.generator.set_state(tensors(state["generator"]))
        if self.balance is not None:
            self.balance.weights = tensors(state["balance"])
        return int(state["iteration"])
