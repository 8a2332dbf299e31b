"""Training over a family, by residuals alone: mini-batches of instances, the best kept, and a state to go on from.

The loss is the mean over a mini-batch of ‖r_i(θ(z_i))‖² = Σ_m w_m mean |C_m|², plus the paper's two terms:

    0.1 · mean z²   over all entries of the batch's latents,
    100 · mean θ²   over all generated numbers of the batch, weights and biases alike, as they stand in the network (ω0 apart).
"""

import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pinnsiren.errors import DataError, SolveError
from pinnsiren.networks.encoders import Seen
from pinnsiren.residual import Residual
from pinnsiren.solution import History
from pinnsiren.solvers.snapshot import plain, tensors
from pinnsiren.space.context import context
from pinnsiren.space.family import Columns, Family, Instance
from pinnsiren.space.generator import Evaluation, Generator

WARM = 0.05  # of the iterations, in which the learning rate rises: Adam's first steps are as long as its rate allows
LAST = 0.01  # of the learning rate, at the end of its cosine
STANDARD = 64  # instances that tell the mean and the spread of the values seen
CONTEXT_SEED = 77_003  # of what is seen of held-out instances: the same at every measurement


@dataclass(frozen=True)
class Plan:
    """How a space is trained. Arguments as in :meth:`pinnsiren.space.Space.fit`."""

    iterations: int
    instances: int
    held_out: int = 16
    batch: int = 16
    learning_rate: float = 1e-3
    points: int | None = None
    context: tuple[int, int] | None = None
    latent_weight: float = 0.1
    parameter_weight: float = 100.0
    every: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        wholes = {"iterations": self.iterations, "instances": self.instances, "held_out": self.held_out, "batch": self.batch,
                  "every": self.every, **({} if self.points is None else {"points": self.points})}
        for name, number in wholes.items():
            if not isinstance(number, int) or number < 1:
                raise SolveError(f"a space was trained with {name}={number!r}; expected a whole number >= 1.")
        weights = (self.latent_weight, self.parameter_weight)
        if not self.learning_rate > 0 or not all(math.isfinite(w) and w >= 0 for w in weights):
            raise SolveError(f"a space was trained with learning_rate={self.learning_rate}, latent_weight={weights[0]}, "
                             f"parameter_weight={weights[1]}; expected a rate > 0 and weights >= 0.")
        if self.context is not None and not 1 <= self.context[0] <= self.context[1]:
            raise SolveError(f"a space was trained with context={self.context}; expected (fewest, most) numbers of points, "
                             "such as (10, 1000).")

    def record(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def rate(self, iteration: int) -> float:
        """The learning rate: a short rise, then a cosine down to a hundredth."""
        warm = max(1.0, WARM * self.iterations)
        down = LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(1.0, iteration / self.iterations)))
        return self.learning_rate * min(1.0, (iteration + 1) / warm) * down


@dataclass(eq=False)
class Training:
    """A training under way.

    Args:
        generator: what is trained; it holds the latest parameters while a step is taken, and the best ones when ``run`` ends.
        state: what :meth:`record` told, to go on from.
    """

    generator: Generator
    family: Family
    plan: Plan
    state: Mapping[str, Any] | None = None
    iteration: int = 0
    measure: float = math.inf
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, float]] = field(default_factory=list)  # seconds, training loss, measure

    def __post_init__(self) -> None:
        self.residual = self.family.residual(self.generator.target)
        self.evaluation = Evaluation(self.residual.model, self.generator.hypernetwork)
        self.instances: dict[int, Instance] = {}
        self.random = torch.Generator().manual_seed(self.plan.seed)
        fused = self.generator.like.device.type == "cpu"  # a third of the time of a step was Adam's own
        self.adam = torch.optim.Adam(self.generator.parameters(), lr=self.plan.learning_rate, fused=fused)
        self.best = self.generator.state()
        if self.state is not None:
            self._restore(self.state)
        elif not bool(self.generator.ready):
            self._standardise()

    def run(self, seconds: float, bar: "tqdm[Any]") -> Iterator[float]:
        """Iterate to the plan's end or until time is over, each time giving the loss; the caller may stop at any."""
        started, before = time.monotonic(), self.seconds
        while self.iteration < self.plan.iterations:
            self.losses.append(self._step())
            self.iteration += 1
            self.seconds = before + time.monotonic() - started
            if self.iteration % self.plan.every == 0 or self.iteration == self.plan.iterations:
                self._measure()
                bar.set_postfix(loss=f"{self.rows[-1][1]:.3g}", held_out=f"{self.rows[-1][2]:.3g}", refresh=False)
            bar.update()
            yield self.losses[-1]
            if self.seconds - before > seconds:
                return

    def finish(self) -> dict[str, Any]:
        """Put the best parameters into the generator; the record of the training, which has the latest."""
        if not math.isfinite(self.measure):
            self._measure()
        told = self.record()
        self.generator.load_state_dict(self.best)
        return told

    def record(self) -> dict[str, Any]:
        """All that is needed to go on, as plain values."""
        adam = self.adam.state_dict()["state"]
        return {"plan": self.plan.record(), "iteration": self.iteration, "measure": self.measure,
                "seconds": self.seconds, "losses": list(self.losses), "rows": [list(r) for r in self.rows],
                "random": self.random.get_state().numpy(), "adam": [[k, plain(v)] for k, v in adam.items()],
                "latest": plain(self.generator.state()), "best": plain(self.best)}

    def history(self) -> History:
        """What was measured so far."""
        if not self.rows:
            return no_history()
        seconds, loss, measure = (np.array(column) for column in zip(*self.rows, strict=True))
        return History(seconds, loss, measure, {}, ("space",) * len(self.rows))

    def _restore(self, state: Mapping[str, Any]) -> None:
        like = self.generator.like
        self.iteration, self.measure, self.seconds = state["iteration"], state["measure"], state["seconds"]
        self.losses, self.rows = list(state["losses"]), [tuple(r) for r in state["rows"]]
        self.random.set_state(torch.as_tensor(np.asarray(state["random"])))
        self.generator.load_state_dict(tensors(state["latest"]))
        self.best = {k: v.to(like.device) for k, v in tensors(state["best"]).items()}
        groups = self.adam.state_dict()["param_groups"]
        moments = {k: {name: torch.as_tensor(v) for name, v in own.items()} for k, own in state["adam"]}
        self.adam.load_state_dict({"state": moments, "param_groups": groups})

    def _step(self) -> float:
        """One step of Adam; the loss before it, regularisers apart."""
        plan = self.plan
        numbers = torch.randperm(plan.instances, generator=self.random)[:plan.batch].tolist()
        chosen = [self._instance(n) for n in numbers]
        latents = self._latents(numbers, chosen, self.random)
        theta = self.generator.hypernetwork(latents)
        fit = self.evaluation.at(self._joined(chosen), theta).square().sum()
        loss = fit + plan.latent_weight * latents.square().mean() + plan.parameter_weight * theta.square().mean()
        for group in self.adam.param_groups:
            group["lr"] = plan.rate(self.iteration)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return float(fit.detach())

    def _joined(self, chosen: Sequence[Instance]) -> Residual:
        """The residual of some instances together, at a random share of their points or at all: ‖r‖² is the mean over them."""
        counts = [i.counts for i in chosen]
        if self.plan.points is None:
            if any(c != counts[0] for c in counts):
                raise DataError(f"instances of the family have different numbers of points ({counts[0]} and others); say how "
                                "many of each are drawn at every step: fit(…, points=200).")
            return self.residual.placed(_together([i.columns for i in chosen]))
        total = sum(counts[0])
        keep = [max(1, round(self.plan.points * n / total)) for n in counts[0]]
        rows = [[torch.randint(n, (k,), generator=self.random) for n, k in zip(c, keep, strict=True)] for c in counts]
        drawn = [[{s: v[r.to(v.device)] for s, v in columns.items()} for columns, r in zip(i.columns, own, strict=True)]
                 for i, own in zip(chosen, rows, strict=True)]
        return self.residual.placed(_together(drawn))

    def _latents(self, numbers: Sequence[int], chosen: Sequence[Instance], random: torch.Generator) -> Tensor:
        """Of some instances, (B, L): from a part of what could be seen, or from the table."""
        if self.generator.table is not None:
            return self.generator.table[torch.as_tensor(numbers)]
        return self.generator.encoded(Seen.of([context(i.places, i.values, self.plan.context, random) for i in chosen]))

    @torch.no_grad()
    def _measure(self) -> None:
        """What decides which parameters are the best: the mean ‖r‖² of held-out instances, or of training with a table."""
        plan, recent = self.plan, self.losses[-self.plan.every:]
        if self.generator.table is None:
            random = torch.Generator().manual_seed(CONTEXT_SEED)
            numbers = range(plan.instances, plan.instances + plan.held_out)
            chosen = [self._instance(n) for n in numbers]
            theta = self.generator.hypernetwork(self._latents(numbers, chosen, random))
            found = np.mean([float(self.evaluation.at(self.residual.placed(i.columns), row[None]).square().sum())
                             for i, row in zip(chosen, theta, strict=True)])
        else:
            found = np.mean(recent)
        self.rows.append((self.seconds, float(np.mean(recent)) if recent else math.nan, float(found)))
        if found < self.measure:
            self.measure, self.best = float(found), self.generator.state()

    def _instance(self, number: int) -> Instance:
        """An instance, made when it is first needed."""
        if number not in self.instances:
            self.instances[number] = self.family.member(number, self.residual)
        return self.instances[number]

    def _standardise(self) -> None:
        """Tell the encoder the mean and the spread of what it will see, and of its latents; once, for all learns with them.

        Raises:
            DataError: data that are the same everywhere.
        """
        some = [self._instance(n) for n in range(min(self.plan.instances, STANDARD))]
        values = torch.cat([i.values for i in some])
        spread = values.std(0, unbiased=False)
        for symbol, s, mean in zip(self.family.observed, spread.tolist(), values.mean(0).tolist(), strict=True):
            if not s > 1e-7 * abs(mean):
                raise DataError(f"the data {symbol} are {mean:g} everywhere in all of {len(some)} instances: nothing tells "
                                "them apart. Give a family whose data vary.")
        if self.generator.encoder is not None:
            self.generator.shift.copy_(values.mean(0))
            self.generator.scale.copy_(spread)
            with torch.no_grad():
                latents = self._latents(range(len(some)), some, torch.Generator().manual_seed(CONTEXT_SEED))
            width = latents.std(0, unbiased=False)
            self.generator.centre.copy_(latents.mean(0))
            self.generator.width.copy_(width + 1e-3 * width.mean())  # a ReLU network may not use all of its outputs
        self.generator.ready.fill_(True)
        self.best = self.generator.state()


def no_history() -> History:
    """Of what was not iterated."""
    return History(np.empty(0), np.empty(0), np.empty(0), {}, ())


def _together(parts: Sequence[Sequence[Columns]]) -> list[Columns]:
    """Columns of several instances, one after the other, for each sample."""
    return [{s: torch.cat([p[s] for p in of_sample]) for s in of_sample[0]} for of_sample in zip(*parts, strict=True)]


class Interrupt:
    """While steps are taken, Ctrl-C waits for the end of one: what is kept to go on from is then no half step."""

    asked: bool = False

    def __enter__(self) -> "Interrupt":
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
