"""The noun: a space of functions, from what is seen of an instance to the network of its solution.

    seen values --encoder--> z --ReLU hypernetwork--> θ --> a SIREN, at the points of the instance's equations.

It is trained by the residuals of the instances' own equations: no solution is ever shown.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from pinnsiren import storage
from pinnsiren.ansatz import Ansatz
from pinnsiren.domains import PointSet
from pinnsiren.errors import DataError, SolveError, StorageError
from pinnsiren.model import Model
from pinnsiren.networks import build
from pinnsiren.networks.encoders import Encoder, Seen, encoder
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.hyper import Hypernetwork
from pinnsiren.networks.initialisation import require_sizes
from pinnsiren.problem import Problem
from pinnsiren.solution import History, Solution, Status, environment
from pinnsiren.solvers.snapshot import plain, tensors
from pinnsiren.space.family import Family, carried_fields, formulated, observed_set, seen
from pinnsiren.space.generator import Generator
from pinnsiren.space.inference import condition, optimised
from pinnsiren.space.prior import Prior, learned
from pinnsiren.space.training import Interrupt, Plan, Training, no_history
from pinnsiren.symbols import Data
from pinnsiren.version import __version__

Path = str | os.PathLike[str]
FORMAT = 1
GOES_ON = "the best so far is kept. fit with the same arguments goes on."


@dataclass(frozen=True)
class Fitted:
    """How a training went.

    Attributes:
        status: "finished", "time", "interrupted" or "diverged", with advice.
        history: loss: mean ‖r‖² over the training's last mini-batches; measure: over instances that were held out.
        iterations: taken so far, in all.
    """

    status: Status
    history: History
    iterations: int


class Space:
    """Networks for a whole family of problems, each by one pass.

    Args:
        family: a :class:`~pinnsiren.space.Family`, or a function from a number to a problem, of which all data are observed.
        network: what is generated, such as ``ps.Siren(2, 1, width=32)``, with the initial values that it starts from.
        encoder: a ``SetEncoder`` or ``ConvEncoder`` with as many channels as data are observed; or None for a latent of its own
            for each instance of the training (an autodecoder).
        instances: 0 … instances − 1 are trained on.
        latent: length of the latents, where there is no encoder to say it.
        width, layers: of the hypernetwork's ReLU layers.
        spread: see :class:`~pinnsiren.networks.hyper.Hypernetwork`.
        seed: of the hypernetwork and of latents.

    Raises:
        SolveError: sizes that do not fit. DataError, ProblemError: see :class:`~pinnsiren.space.Family`.
    Reference: Sitzmann et al., NeurIPS 2020, sec. 4.4; Park et al., DeepSDF, CVPR 2019 (the autodecoder).
    """

    def __init__(self, family: Family | Callable[[int], Problem], network: FeedForward, encoder: Encoder | None, *,
                 instances: int = 256, latent: int = 256, width: int = 256, layers: int = 1, spread: float = 0.1,
                 seed: int = 0) -> None:
        made = family if isinstance(family, Family) else Family(family)
        require_sizes("Space", instances=instances)
        _require_fitting(made, network, encoder)
        length = latent if encoder is None else encoder.latent
        hypernetwork = Hypernetwork(network, length, width, layers, spread=spread, seed=seed)
        generator = Generator(network, encoder, hypernetwork, instances=instances if encoder is None else 0, seed=seed)
        self._set(made, made.observed, made.ansatz, generator, instances)

    def _set(self, family: Family | None, observed: tuple[Data, ...], ansatz: Ansatz | bool | None, generator: Generator,
             instances: int) -> None:
        self.family, self.observed, self.ansatz = family, observed, ansatz
        self.generator, self.instances = generator, instances
        self._training: Mapping[str, Any] | None = None
        self.prior: Prior | None = None

    def fit(self, iterations: int, *, batch: int = 16, learning_rate: float = 1e-3, points: int | None = None,
            context: tuple[int, int] | None = None, latent_weight: float = 0.1, parameter_weight: float = 100.0,
            held_out: int = 16, every: int = 100, seed: int = 0, max_time: float | None = None,
            checkpoint: Path | None = None, checkpoint_every: float = 60.0, progress: bool | None = None) -> Fitted:
        """Train by Adam; the parameters with the lowest loss on held-out instances are kept.

        A training that was cut short, here or in a file that was loaded, goes on as if it had not been when it is called for
        again with the same arguments; with others, a new one starts from the best so far.

        Args:
            iterations: in all. The learning rate rises for a twentieth of them, then falls to a hundredth on a cosine.
            batch: instances for each step.
            points: for each instance at each step, drawn at random; None for all.
            context: (fewest, most) points that the encoder sees of each instance, evenly drawn on a logarithmic scale; None for
                all.
            latent_weight, parameter_weight: of mean z² and mean θ² (see :mod:`pinnsiren.space.training`).
            held_out: instances from number ``instances`` on, which are measured every ``every`` iterations.
            max_time: seconds, after which the best so far is kept.
            checkpoint: a file for :meth:`load`, written every ``checkpoint_every`` seconds and at the end.

        Raises:
            SolveError: numbers out of their range, or no family. ProblemError: an instance of another structure.
            DataError: data that are the same everywhere, or a context of more points than there are.
            StorageError: a checkpoint that cannot be written.
        """
        if checkpoint is not None:
            storage.require_writable(checkpoint)
        plan = Plan(iterations, self.instances, held_out, batch, learning_rate, points, context, latent_weight,
                    parameter_weight, every, seed)
        going_on = self._training if self._training is not None and self._training["plan"] == plan.record() else None
        training = Training(self.generator, self._family(), plan, going_on)
        limit = _limit(max_time)
        with tqdm(total=iterations, initial=training.iteration, desc="space", unit="it", dynamic_ncols=True,
                  disable=None if progress is None else not progress) as bar:
            status = self._run(training, limit, bar, checkpoint, checkpoint_every)
        told = training.finish()
        self.prior = None  # it was that of other parameters
        self._training = told if training.iteration < iterations else None
        if checkpoint is not None:
            self.save(checkpoint)
        return Fitted(status, training.history(), training.iteration)

    def _family(self) -> Family:
        if self.family is None:
            raise SolveError("this space was loaded without its family, which a file cannot hold; give it again: "
                             "ps.Space.load(path, family).")
        return self.family

    def _run(self, training: Training, seconds: float, bar: "tqdm[Any]", checkpoint: Path | None, every: float) -> Status:
        last = time.monotonic()
        with Interrupt() as interrupt:
            for loss in training.run(seconds, bar):
                if not math.isfinite(loss):
                    return Status("diverged", False, "the loss is not finite; the best parameters before that are kept. Lower "
                                  "the learning rate, or scale the family's data to values near one.")
                if checkpoint is not None and time.monotonic() - last > every:
                    self._write(checkpoint, training.record(), training.best)
                    last = time.monotonic()
                if interrupt.asked:
                    return Status("interrupted", True, f"stopped by Ctrl-C; {GOES_ON}")
        if training.iteration < training.plan.iterations:
            return Status("time", True, f"max_time is over; {GOES_ON}")
        return Status("finished", True, f"mean square residual {training.measure:.3g} on instances that were held out.")

    def latents(self, *seen_of: PointSet | Problem) -> Tensor:
        """Latents (B, L) of instances, each by what is seen of it.

        Args:
            seen_of: point sets with the observed data, at any places and of any number; or problems that have such.

        Raises:
            DataError: data that are missing. SolveError: the space has no encoder.
        """
        sets = [observed_set(s, self.observed) if isinstance(s, Problem) else s for s in seen_of]
        parts = [seen(s, self.observed, self.generator.like) for s in sets]
        with torch.no_grad():
            return self.generator.encoded(Seen.of(parts))

    def network(self, seen_of: PointSet | Problem | Tensor) -> FeedForward:
        """The network of one instance, by one pass: ``ps.solve(problem, network=space.network(points))`` goes on from it.

        Args:
            seen_of: see :meth:`latents`; or a latent (L,).

        Raises:
            DataError: data that are missing, or a latent of another length. SolveError: the space has no encoder.
        """
        latent = seen_of if isinstance(seen_of, Tensor) else self.latents(seen_of)[0]
        if latent.shape != (self.generator.hypernetwork.latent,):
            raise DataError(f"a latent has shape {tuple(latent.shape)}; expected ({self.generator.hypernetwork.latent},).")
        with torch.no_grad():
            return self.generator.network(self.generator.hypernetwork(latent[None].to(self.generator.like))[0])

    def solution(self, problem: Problem, seen_of: PointSet | Problem | Tensor | None = None, *,
                 given: Problem | None = None) -> Solution:
        """One pass as a solution: to evaluate, to draw, to validate.

        Args:
            problem: in the fields of the family; it may say the same as an instance in other words.
            seen_of: see :meth:`network`; by default the problem's own data.
            given: what the last layer is conditioned on, see :meth:`conditioned`; nothing by default.
        """
        formulation, told = formulated(problem, self.ansatz), problem if seen_of is None else seen_of
        network = self.network(told) if given is None else self.conditioned(given, told)
        model = Model({carried_fields(formulation.problem): network})
        status = Status("finished", True, "one pass of a space; ps.solve(problem, network=space.network(…)) refines it.")
        like = self.generator.like
        settings = {**environment(like.device, like.dtype), "solver": "Space"}
        return Solution(problem, model, no_history(), status, settings=settings, forms=formulation.forms)

    def optimised(self, problem: Problem, iterations: int = 100, *, latent_weight: float = 0.1,
                  start: Tensor | None = None) -> Tensor:
        """The latent (L,) that minimises ‖r(θ(z))‖² + w mean z² of a problem, by L-BFGS: inference without an encoder.

        The problem may be another one than those of the family, in the same fields: one with values at fewer points, say.

        Args:
            start: the first latent; by default what the encoder says where it can see, else 0.

        Raises:
            SolveError: iterations below 1, or fields that the network does not carry.
        """
        require_sizes("Space.optimised", iterations=iterations)
        if start is None:
            start = self._first_latent(problem)
        return optimised(self.generator, problem, self.ansatz, start, iterations=iterations, weight=latent_weight)

    def _first_latent(self, problem: Problem) -> Tensor:
        has = any(isinstance(c.region, PointSet) and set(self.observed) <= set(c.region.data) for c in problem.constraints)
        if self.generator.encoder is not None and has:
            return self.latents(problem)[0]
        return self.generator.like.new_zeros(self.generator.hypernetwork.latent)

    def learn_prior(self, instances: int = 128, *, context: tuple[int, int] | None = None, seed: int = 0) -> None:
        """Learn, after :meth:`fit`, what the last layers that it gives lack: the prior of :meth:`conditioned`.

        Args:
            instances: of the training, from the first on; some times as many as the last layer has weights for each output.
            context: see :meth:`fit`; give the same.

        Raises:
            SolveError: no family, or fewer instances in the training.
        """
        require_sizes("Space.learn_prior", instances=instances)
        if instances > self.instances:
            raise SolveError(f"learn_prior was given instances={instances}; the space is trained on {self.instances}.")
        self.prior = learned(self.generator, self._family(), instances, context, seed)

    def conditioned(self, problem: Problem, seen_of: PointSet | Problem | Tensor | None = None) -> FeedForward:
        """The network of one pass, its last layer moved to where it is expected given that a problem's equations hold.

        The field is then the mean of a Gaussian process around the generated one, see :mod:`pinnsiren.space.prior`: one small
        linear solve. Equations that are not linear are linearised around the generated field.

        Args:
            problem: with the equations of the family, at its points or at others; for images, the pixels that are seen.
            seen_of: see :meth:`network`; by default the problem's own data.

        Raises:
            SolveError: no prior has been learned.
        """
        if self.prior is None:
            raise SolveError("this space has no prior for its last layers; call space.learn_prior() after space.fit(…).")
        network = self.network(problem if seen_of is None else seen_of)
        condition(network, problem, self.ansatz, self.prior)
        return network

    def save(self, path: Path) -> None:
        """Write the space to a file; with the state of a training that was cut short, to go on from.

        Raises:
            StorageError: a file that cannot be written, or an encoder of your own, whose code it cannot hold.
        """
        self._write(path, self._training, self.generator.state())

    def _write(self, path: Path, training: Mapping[str, Any] | None, values: Mapping[str, Tensor]) -> None:
        target, own = self.generator.target, self.generator.encoder
        kind, arguments = target.spec()
        storage.write(path, {
            "what": "space", "format": FORMAT, "version": __version__, "instances": self.instances,
            "observed": list(self.observed), "ansatz": self.ansatz, "hypernetwork": self.generator.hypernetwork.settings(),
            "network": {"kind": kind, "arguments": arguments, "state": plain(target.state_dict())},
            "encoder": None if own is None else list(own.spec()), "values": plain(values), "training": training,
            "prior": None if self.prior is None else self.prior.record()})

    @classmethod
    def load(cls, path: Path, family: Family | Callable[[int], Problem] | None = None) -> "Space":
        """The space of a file that :meth:`save`, or the checkpoint of a training, wrote.

        Args:
            family: that it was trained on: needed to train on, since a file holds no code.

        Raises:
            StorageError: a file that is missing, damaged, or holds no space.
        """
        record = storage.read(path)
        if record.get("what") != "space" or record.get("format") != FORMAT:
            raise StorageError(f"{path} holds no space of format {FORMAT}; give a file that space.save(path) or "
                               "space.fit(…, checkpoint=path) wrote.")
        made = family if family is None or isinstance(family, Family) else Family(family)
        try:
            space = cls.__new__(cls)
            space._set(made, tuple(record["observed"]), record["ansatz"], _generator(record), record["instances"])
            space._training = record["training"]
            space.prior = Prior.of(record["prior"]) if record.get("prior") else None
        except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
            raise StorageError(f"{path} is no space of pinnsiren: {type(error).__name__} {error}.") from error
        if made is not None:
            _require_fitting(made, space.generator.target, space.generator.encoder)
        return space


def _limit(max_time: float | None) -> float:
    if max_time is not None and not max_time > 0:
        raise SolveError(f"max_time={max_time}; give seconds > 0, or None for no limit.")
    return math.inf if max_time is None else max_time


def _generator(record: Mapping[str, Any]) -> Generator:
    """The trained part of a record."""
    told = record["network"]
    network = build(told["kind"], told["arguments"])
    assert isinstance(network, FeedForward)
    network.load_state_dict(tensors(told["state"]))
    own = None if record["encoder"] is None else encoder(*record["encoder"])
    instances = 0 if own is not None else record["instances"]
    generator = Generator(network, own, Hypernetwork(network, **record["hypernetwork"]), instances=instances)
    generator.load_state_dict(tensors(record["values"]))
    return generator


def _require_fitting(family: Family, network: FeedForward, encoder: Encoder | None) -> None:
    """Raise unless a network carries the fields of a family, and an encoder reads its data."""
    Model({family.fields: network})
    if encoder is None:
        return
    found = (len(observed_set(family.first, family.observed).coordinates), len(family.observed))
    if (encoder.inputs, encoder.channels) != found:
        raise SolveError(f"the encoder reads {encoder.channels} values at places of {encoder.inputs} coordinates; the family's "
                         f"data are {found[1]} values ({', '.join(map(str, family.observed))}) at places of {found[0]}.")
