"""PINA 0.3 on one problem, with the settings of its own tutorials.

The tutorials are those of https://github.com/mathLab/PINA/tree/master/tutorials; Helmholtz (1, 4), Wave1d-C and Burgers are
problems of PINA's own zoo, ``pina.problem.zoo``, and Poisson is written as its Poisson problem is, on our square. ``plain``
is tutorial17 (2 × 120 tanh, Adam with its default rate, 1000 points inside and 100 around), ``hard`` the conditions built in
as tutorial3 does it, with the same network, and ``softplus`` tutorial2 (2 × 10 softplus, rate 0.006, a grid of 25²).
``fourier`` is the multiscale network of tutorial13. With ``_lbfgs`` Adam is followed by L-BFGS through PINA's own
``SwitchOptimizer``, as in https://github.com/mathLab/PINA/issues/607: 800 epochs of Adam, then 200 of L-BFGS with a strong
Wolfe line search, on 2500 points inside. An epoch of L-BFGS is 20 iterations, so Adam gets 800 of 4800, a sixth of the time.
In float64, without which L-BFGS stalls. Where its tutorial's epochs would be over before the time is, Adam goes on.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, ClassVar

import torch
from lightning.pytorch import seed_everything
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.callback import SwitchOptimizer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.model import FeedForward
from pina.model.block import FourierFeatureEmbedding
from pina.operator import laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem
from pina.problem.zoo import AcousticWaveProblem, BurgersProblem, HelmholtzProblem
from pina.solver import PhysicsInformedSingleModelSolver
from torch import Tensor

from tests.benchmarks.peers.problems import EVOLUTIONS, NU, SPEED, forcing, given, vanishing
from tests.benchmarks.peers.protocol import Request, Watch, announce

ENDLESS = -1  # epochs


@dataclass(frozen=True)
class Settings:
    """One tutorial's settings.

    Args:
        source: the tutorial.
        layers: widths of the hidden ones.
        hard: whether boundary and initial values are built in.
        points: inside, and on each other domain.
        adam: its share of the time; L-BFGS gets the rest.
        fourier: whether the network is that of tutorial13.
    """

    source: str
    layers: tuple[int, ...] = (120, 120)
    activation: type[torch.nn.Module] = torch.nn.Tanh
    rate: float = 1e-3
    hard: bool = False
    points: tuple[int, int] = (1000, 100)
    adam: float = 1.0
    fourier: bool = False


PLAIN = Settings("tutorial17")
HARD = replace(PLAIN, source="tutorials 17 and 3", hard=True)
FOURIER = Settings("tutorial13", (100,), fourier=True)
LBFGS: dict[str, Any] = {"adam": 1 / 6, "points": (2500, 100)}
KNOWN = {
    "plain": PLAIN,
    "hard": HARD,
    "softplus": Settings("tutorial2", (10, 10), torch.nn.Softplus, 6e-3, points=(625, 25)),
    "fourier": FOURIER,
    "plain_lbfgs": replace(PLAIN, source="tutorial17, then L-BFGS", **LBFGS),
    "hard_lbfgs": replace(HARD, source="tutorials 17 and 3, then L-BFGS", **LBFGS),
    "fourier_lbfgs": replace(FOURIER, source="tutorial13, then L-BFGS", **LBFGS),
}


def main() -> None:
    request = Request.from_command_line(__doc__)
    talk, sys.stdout = sys.stdout, sys.stderr  # Lightning's own
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(request.threads)
    seed_everything(0, verbose=False)
    settings = KNOWN[request.settings]
    if settings.adam < 1:
        torch.set_default_dtype(torch.float64)
    watch = Watch(request, talk)
    announce(talk, settings.source, f"PINA {version('pina-mathlab')}, torch {torch.__version__}")
    train(solver_of(request.problem, settings), settings, watch)


def solver_of(name: str, settings: Settings) -> PhysicsInformedSingleModelSolver:
    problem = problem_of(name)
    if settings.hard:
        for condition in [c for c in problem.conditions if c != "D"]:
            del problem.conditions[condition], problem.domains[condition]
    inside, around = settings.points
    problem.discretise_domain(inside, "random", domains=["D"])
    if not settings.hard:
        problem.discretise_domain(around, "random", domains=[d for d in problem.domains if d != "D"])
    network = Multiscale(settings.layers) if settings.fourier else FeedForward(
        input_dimensions=2, output_dimensions=1, layers=list(settings.layers), func=settings.activation)
    model = Hard(network, given(name), vanishing(name)) if settings.hard else network
    return PhysicsInformedSingleModelSolver(problem, model, optimizer=TorchOptimizer(torch.optim.Adam, lr=settings.rate))


def train(solver: PhysicsInformedSingleModelSolver, settings: Settings, watch: Watch) -> None:
    """Adam for its share of the time, then L-BFGS to the end of it."""
    callbacks: list[Callback] = [Look(watch)]
    if settings.adam < 1:
        callbacks.append(SwitchInTime(watch, settings.adam * watch.request.seconds))
    trainer = Trainer(solver, max_epochs=ENDLESS, accelerator="cpu", enable_model_summary=False, enable_progress_bar=False,
                      logger=False, enable_checkpointing=False, callbacks=callbacks,
                      precision="64-true" if settings.adam < 1 else "32-true")
    trainer.train()
    watch.look(lambda points: predict(solver, points), now=True)


def predict(solver: PhysicsInformedSingleModelSolver, points: Any) -> Any:
    names = solver.problem.input_variables
    with torch.no_grad():
        x = LabelTensor(torch.as_tensor(points, dtype=torch.get_default_dtype()), ["x", "y" if "y" in names else "t"])
        return solver(x.extract(names)).tensor.numpy()


class Look(Callback):
    """Measures the error now and then, and stops the training in time."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_train_epoch_end(self, trainer: Trainer, solver: PhysicsInformedSingleModelSolver) -> None:
        self.watch.look(lambda points: predict(solver, points))
        trainer.should_stop = self.watch.over


class SwitchInTime(SwitchOptimizer):
    """PINA's switch to L-BFGS, at a time instead of an epoch."""

    def __init__(self, watch: Watch, after: float) -> None:
        super().__init__(TorchOptimizer(torch.optim.LBFGS, lr=1.0, line_search_fn="strong_wolfe"), epoch_switch=1)
        self.watch, self.after, self._epoch_switch = watch, after, -1

    def on_train_epoch_start(self, trainer: Trainer, solver: PhysicsInformedSingleModelSolver) -> None:
        if self._epoch_switch < 0 and self.watch.seconds >= self.after:
            self._epoch_switch = trainer.current_epoch
        super().on_train_epoch_start(trainer, solver)


class Hard(torch.nn.Module):
    """u = g + φN, which has the given values by itself, as tutorial3 writes it."""

    def __init__(self, network: torch.nn.Module, start: Callable[[Tensor, Tensor], Tensor],
                 zero: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.start, self.zero = network, start, zero

    def forward(self, x: LabelTensor) -> Tensor:
        columns = [x.extract([name]) for name in ("x", "y" if "y" in x.labels else "t")]
        first, second = (c.tensor if isinstance(c, LabelTensor) else c for c in columns)
        return self.start(first, second) + self.zero(first, second) * self.network(x)


class Multiscale(torch.nn.Module):
    """tutorial13's network: Fourier features of deviations 1 and 10 through one network, joined by a linear layer."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        size = widths[0]
        self.embeddings = torch.nn.ModuleList(
            [FourierFeatureEmbedding(input_dimension=2, output_dimension=size, sigma=sigma) for sigma in (1, 10)])
        self.layers = FeedForward(input_dimensions=size, output_dimensions=size, layers=list(widths))
        self.final = torch.nn.Linear(2 * size, 1)

    def forward(self, x: LabelTensor) -> Tensor:
        return self.final(torch.cat([self.layers(embedding(x)) for embedding in self.embeddings], dim=-1))


def problem_of(name: str) -> SpatialProblem:
    if name in EVOLUTIONS:
        return AcousticWaveProblem(c=SPEED) if name == "wave_1d" else BurgersProblem(nu=NU)
    if name == "helmholtz_sine":
        return HelmholtzProblem(k=1.0, alpha_x=1, alpha_y=4)
    f, g = forcing(name), given(name)

    def poisson(points: LabelTensor, u: LabelTensor) -> Tensor:
        return laplacian(u, points, components=["u"], d=["x", "y"]) + f(points.extract(["x"]), points.extract(["y"]))

    def around(points: LabelTensor, u: LabelTensor) -> Tensor:
        return u - g(points.extract(["x"]), points.extract(["y"]))

    class Poisson(SpatialProblem):
        output_variables: ClassVar = ["u"]
        spatial_domain = CartesianDomain({"x": [-1, 1], "y": [-1, 1]})
        domains: ClassVar = {"D": spatial_domain, "boundary": spatial_domain.partial()}
        conditions: ClassVar = {"boundary": Condition(domain="boundary", equation=Equation(around)),
                                "D": Condition(domain="D", equation=Equation(poisson))}

    return Poisson()


if __name__ == "__main__":
    main()
