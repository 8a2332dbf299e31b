"""What each of two processes runs for test_ranks: it computes on both, then alone, and prints how far apart they are."""

import contextlib
import io
import json
import os
import signal
import sys
from dataclasses import replace

import numpy as np
import sympy
import torch

import pinnsiren as ps
from pinnsiren.cli import main
from pinnsiren.equations import poisson
from pinnsiren.model import Model, parameter_vector
from pinnsiren.ranks import ALONE, Ranks
from pinnsiren.residual import Residual
from pinnsiren.solvers import damping
from pinnsiren.solvers.adaptive import redraw
from pinnsiren.solvers.bands import Band
from pinnsiren.solvers.estimate import judge
from pinnsiren.solvers.features import Features
from pinnsiren.solvers.linearised import Linearised
from pinnsiren.solvers.output_layer import OutputLayer
from pinnsiren.solvers.task import Task

x, y, t = *ps.coordinates("x y"), ps.time("t")
u = ps.Field("u", x, y)
SQUARE = ps.Box({x: (-1, 1), y: (-1, 1)})
POISSON = poisson.poisson_sine()
PINNED = ps.Problem(  # a single point, which both ranks have, and a robust norm, which needs all rows
    ps.Equation(ps.laplacian(u), -1).on(SQUARE.interior, norm="huber"),
    ps.Equation(u + u**3, x).on(SQUARE.boundary),
    ps.Equation(u, 0.25).on(ps.PointSet((x, y), [[0.0, 0.0]])))


def siren(dtype=torch.float64):
    return ps.Siren(2, 1, 10, 2, omega0=[6.0, 1.0], seed=0, dtype=dtype)


def apart(a, b):
    a, b = torch.as_tensor(np.asarray(a, float)), torch.as_tensor(np.asarray(b, float))
    return float((a - b).norm() / b.norm())


def solved(problem, solver, ranks):
    solution = ps.solve(problem, siren(), solver, ranks=ranks, progress=False, dtype=torch.float64)
    return parameter_vector(solution.model)


def adam(ranks):
    return solved(POISSON, ps.Adam(iterations=20, rate=1e-3, points=301, clip=0.5), ranks)


def mini_batches(ranks):
    return solved(PINNED, ps.Adam(iterations=20, rate=1e-3, points=301, batch=50), ranks)


def causal(ranks):
    v = ps.Field("v", x, t)
    band = ps.Interval(x, 0, 1) * ps.Interval(t, 0, 1)
    problem = ps.Problem(ps.Equation(v.diff(t), 0.1 * v.diff(x, 2)).on(band.interior), ps.Equation(v, 0).on(band.boundary),
                         ps.Equation(v, sympy.sin(sympy.pi * x)).on(band.initial))
    return solved(problem, ps.Adam(iterations=20, rate=1e-3, points=301, causal=5.0), ranks)


def gauss_newton(ranks):
    return solved(PINNED, ps.GaussNewton(iterations=4, momentum=0.2), ranks)


def lbfgs(ranks):
    return solved(POISSON, ps.LBFGS(iterations=20, points=200), ranks)


def damped(ranks, *, precise, points=401):
    """A damped step; with fewer points than parameters by the other side of the Jacobian."""
    residual = Residual.sampled(POISSON, Model({POISSON.fields: siren()}), {"interior": points, "boundary": 33}, ranks=ranks)
    system = Linearised.of(residual, 1e9)
    return damping.damped_steps(system, system.r, precise=precise, memory_limit=1e9).step(1e-2).step


def adaptive(ranks, *, kind):
    residual = Residual.sampled(POISSON, Model({POISSON.fields: siren()}), {"interior": 101, "boundary": 33}, ranks=ranks)
    chosen = redraw(kind)(residual, 5)
    return torch.cat([ranks.whole(c, s.whole) for s in chosen.samples for c in s.columns.values()])


def estimate(ranks):
    """Of fields that nearly satisfy the equations."""
    counts = {c.name: c.region.points or 301 for c in PINNED.constraints}
    task = Task(PINNED)
    model = Features.of(PINNED).model(task, Band((2.0, 2.0)), 60)
    OutputLayer(Residual.sampled(PINNED, model, counts), 20, 1e-3, 4e9, float("inf")).solve(None)
    residual = Residual.sampled(PINNED, model, counts, seed=3, ranks=ranks)
    found, loss, rms = judge(residual, dict.fromkeys(residual.blocks, 2.0))
    return torch.tensor([found, loss, *rms.values()], dtype=torch.float64)


def output_layer(ranks, *, memory=4e9, problem=POISSON):
    task = Task(problem, ranks=ranks)
    features = Features.of(problem)
    model = features.model(task, features.candidates(0.0)[0], 150)
    residual = task.residual(model, 900, seed=1, shared=True)
    OutputLayer(residual, 20, 1e-3, memory, float("inf")).solve(None)
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (200, len(problem.coordinates)))
    with torch.no_grad():
        return torch.cat([c.network(torch.as_tensor(points)) for c in model.carriers], dim=1)


def search(ranks):
    solution = ps.solve(POISSON, ranks=ranks, progress=False, max_time=100.0)
    return solution(POISSON.fields[0], np.random.default_rng(0).uniform(-1, 1, (100, 2)))


def windows(ranks):
    """On a disc, whose border is on each of the slabs, with a coefficient that varies."""
    disc = ps.Disc({x: 0, y: 0}, 1)
    problem = ps.Problem(ps.Equation(ps.div((1 + x**2 / 4) * ps.grad(u)) - u, sympy.exp(x)).on(disc.interior),
                         ps.Equation(u, y).on(disc.boundary))
    network = ps.Windows(2, 1, (5, 4), 24, [8.0, 8.0], box=[(-1, 1), (-1, 1)])
    solution = ps.solve(problem, network, ps.MatrixFree(iterations=10), ranks=ranks, progress=False)
    return solution(u, disc.interior.sample(200).values)


CHECKS = {
    "adam": adam, "mini-batches": mini_batches, "causal": causal, "gauss-newton": gauss_newton, "lbfgs": lbfgs,
    "normal equations": lambda r: damped(r, precise=False), "orthogonal": lambda r: damped(r, precise=True),
    "few rows": lambda r: damped(r, precise=False, points=60),
    "few rows, orthogonal": lambda r: damped(r, precise=True, points=60),
    "adaptive": lambda r: adaptive(r, kind="rad"), "retained": lambda r: adaptive(r, kind="r3"),
    "estimate": estimate, "output layer": output_layer,
    "output layer, triangle": lambda r: output_layer(r, memory=2.5e6),
    "output layer, normal equations": lambda r: output_layer(r, memory=1e5),
    "output layer, nonlinear": lambda r: output_layer(r, problem=PINNED), "search": search,
    "windows": windows,
}


def typed(ranks, folder):
    """What the command line prints on each process."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main(["solve", "poisson_sine", "--out", f"{folder}/out", "--no-validate"])
    return [code, ranks.agreed(out.getvalue()), out.getvalue()]


class Signalled(ps.Solver):
    """Adam; the second process gets a signal on the way."""

    def __init__(self, ranks, number=signal.SIGKILL):
        self.ranks, self.number = ranks, number

    def iterate(self, task):
        for step in ADAM.iterate(task):
            if step.iteration == 20 and self.ranks.rank == 1:
                os.kill(os.getpid(), self.number)
            yield replace(step, snapshot=replace(step.snapshot, solver=self))


ADAM = ps.Adam(iterations=40, rate=1e-3, points=101, every=4)


def run(folder) -> None:
    both = Ranks.launched(timeout=60)
    told = {}
    for name, compute in CHECKS.items():
        here = torch.as_tensor(np.asarray(compute(both), float))
        told[name] = [apart(here, compute(ALONE)), float(both.extreme((here - both.same(here)).abs().max()))]
    first = typed(both, folder)
    second = both.together(torch.tensor([float(len(first[2]))]))  # characters that each of them printed
    found = {"apart": told, "typed": first[1], "printed": second.tolist()}
    asked = ps.solve(POISSON, siren(), Signalled(both, signal.SIGTERM), ranks=both, progress=False,
                     checkpoint=f"{folder}/asked.h5")
    found["asked"] = [asked.status.code, asked.status.advice, len(asked.history)]
    solution = ps.solve(POISSON, siren(), Signalled(both), ranks=both, progress=False, checkpoint=f"{folder}/run.h5",
                        checkpoint_every=0.0)
    found |= {"code": solution.status.code, "advice": solution.status.advice}
    print(json.dumps(found))


if __name__ == "__main__":
    run(sys.argv[1])
