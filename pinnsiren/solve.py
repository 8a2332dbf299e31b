"""From a problem to its solution: what is asked for, checked and made a task; what was found, made a solution."""

import copy
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch

from pinnsiren.ansatz import Ansatz, chosen
from pinnsiren.checkpoint import Checkpoint, Declared, Keeper, Path
from pinnsiren.errors import ProblemError, SolveError
from pinnsiren.formulation import Formulation, formulate
from pinnsiren.loop import Watch, run
from pinnsiren.model import Model, groups
from pinnsiren.networks import ModuleNetwork, Network
from pinnsiren.networks.constant import Constant
from pinnsiren.problem import Problem
from pinnsiren.ranks import ALONE, Ranks, Signals
from pinnsiren.solution import Estimate, Modules, Solution, environment, require_fields
from pinnsiren.solvers.automatic import Automatic
from pinnsiren.solvers.identification import identified
from pinnsiren.solvers.resolution import unresolved
from pinnsiren.solvers.singular import singular_functions
from pinnsiren.solvers.symbol import satisfies_itself
from pinnsiren.solvers.task import Best, Solver, Task
from pinnsiren.symbols import Field, Unknown

TARGET = 1e-11  # estimated relative error; the error itself is usually a digit or two smaller


class ProblemWarning(UserWarning):
    """Something about a problem that will not stop a solve, and may spoil its result."""


def solve(problem: Problem, network: Modules | None = None,
          solver: Solver | None = None, *, ansatz: Ansatz | bool | None = None,
          points: int | Mapping[str, int] | None = None, seed: int = 0, device: str | torch.device | None = None,
          dtype: torch.dtype | Literal["mixed"] | None = None, max_time: float | None = None, target: float | None = None,
          memory_limit: float = 4e9, progress: bool | None = None, checkpoint: Path | None = None,
          checkpoint_every: float = 60.0, ranks: Ranks | None = None) -> Solution:
    """Find neural fields that satisfy a problem.

    Args:
        problem: equations on regions.
        network: a Siren, MLP, Fourier or any ``torch.nn.Module`` from points (n, d) to fields (n, outputs); or one for
            each field. It is copied, not changed. By default the solver chooses one.
        solver: by default :class:`Automatic`: least squares with chosen features, then Gauss–Newton if needed.
        ansatz: how the fields are written in those that networks carry, such as u = g + φN; by default the problem's own,
            else hard conditions where :func:`pinnsiren.ansatz.chosen` finds that they pay; False for none.
        points: in all, or by constraint name; by default the solver chooses.
        seed: of points and parameters; the same seed on the same machine gives the same result.
        device: such as "cpu" or "cuda"; by default a GPU if there is one.
        dtype: by default float64 for second-order methods and float32 for Adam. "mixed": fields and residuals in float64, the
            products and factorisations of Gauss–Newton far from convergence, and those of windows, in float32; for GPUs
            whose float64 is slow. Least squares needs float64 throughout.
        max_time: seconds, after which the best so far is returned.
        target: the estimated relative error at which to stop; dimensionless. By default 1e-11 for work that takes seconds,
            and a tenth of the problem's tolerance for Gauss–Newton on nonlinear problems, which takes minutes.
        memory_limit: bytes for matrices; above it, methods that hold none are chosen.
        progress: show a bar on stderr; by default if that is a terminal.
        checkpoint: a file from which :func:`resume` goes on, written when a step ends and ``checkpoint_every`` seconds are
            over since the last one, and when time is over. ``docs/scaling.md`` says what each solver keeps.
        ranks: the processes of this solve, all of which call it alike; by default those that torchrun started, else one.

    Raises:
        ProblemError: the problem cannot be solved as declared; every reason is listed.
        SolveError: the device is not there, network and problem do not fit, or the other processes cannot be reached.
        StorageError: the checkpoint could not be written.
    """
    ranks, place = _places(ranks, device)
    _require_sound(problem)
    solver = Automatic() if solver is None else solver
    if not isinstance(solver, Solver):
        raise SolveError(f"solver={solver!r}; expected one such as ps.LeastSquares() or ps.Adam(iterations=1000).")
    if dtype not in (None, torch.float32, torch.float64, "mixed"):
        raise SolveError(f"dtype={dtype!r}; expected torch.float32, torch.float64 or 'mixed'.")
    own = dtype if dtype is None or isinstance(dtype, torch.dtype) else torch.float64
    products = torch.float32 if dtype == "mixed" else None
    _require_time(max_time)
    if target is not None and not target > 0:
        raise SolveError(f"target={target}; give a relative error > 0, such as 1e-6.")
    if not memory_limit > 0:
        raise SolveError(f"memory_limit={memory_limit}; give bytes > 0.")
    used = _ansatz(problem, ansatz, free=network is None)
    formulation = formulate(problem, used)
    solved = formulation.problem
    model = None if network is None else _model(formulation, problem, network, place, own or solver.dtype)
    coarse = unresolved(solved, points, model)
    if coarse:
        warnings.warn(coarse, ProblemWarning, stacklevel=2)
    task = Task(solved, model, points, seed, place, own, target or TARGET, time.monotonic() + (max_time or math.inf),
                memory_limit, formulation.effects, ranks, products=products, asked=target is not None)
    declared = Declared(problem, used, solver.chosen(task), seed, points, target, memory_limit, own, products,
                        given=model is not None)
    watch = Watch(problem, time.monotonic(), progress if ranks.is_first else False)
    keeper = Keeper(checkpoint, checkpoint_every, declared, ranks)
    return _solution(task, formulation, keeper, watch, chosen=isinstance(solver, Automatic))


def resume(path: Path, *, network: Modules | None = None, solver: Solver | None = None,
           device: str | torch.device | None = None, max_time: float | None = None, progress: bool | None = None,
           checkpoint: Path | None = None, checkpoint_every: float = 60.0, ranks: Ranks | None = None) -> Solution:
    """Go on with a solve from its checkpoint, on as many processes as there are now.

    First-order methods and Gauss–Newton end with the same parameters as without the interruption: to the last bit on one
    process of the same machine, to rounding on others and where a long first-order run chose compiled kernels by their
    time. Solvers that search begin anew, with what was best until then kept.

    Args:
        path: that ``solve(…, checkpoint=path)`` wrote. New checkpoints go there, too, unless ``checkpoint`` names another file.
        network, solver: those of your own, if the solve had such: files hold no code.
        device, max_time, progress, checkpoint_every, ranks: see :func:`solve`; ``max_time`` counts from now.

    Raises:
        StorageError: no checkpoint, or a damaged one.
        SolveError: a checkpoint of another solver than is given.
    """
    ranks, place = _places(ranks, device)
    _require_time(max_time)
    kept = Checkpoint.read(path, network=network, solver=solver)
    d = kept.declared
    formulation = formulate(d.problem, d.ansatz)
    model = None if kept.model is None else kept.model.to(device=place)
    if kept.best.step is not None and kept.best.parameters is not None:
        kept.best.parameters = kept.best.parameters.to(kept.best.step.model.to(place).reference)
    seconds = float(kept.history.seconds[-1]) if len(kept.history) else 0.0
    task = Task(formulation.problem, model, d.points, d.seed, place, d.dtype, d.target or TARGET,
                time.monotonic() + (max_time or math.inf), d.memory_limit, formulation.effects, ranks, kept.state, d.products,
                asked=d.target is not None)
    own, earlier = (Best(), kept.best) if kept.state is None else (kept.best, None)
    watch = Watch(d.problem, time.monotonic() - seconds, progress if ranks.is_first else False, own, earlier, kept.history)
    keeper = Keeper(path if checkpoint is None else checkpoint, checkpoint_every, d, ranks)
    return _solution(task, formulation, keeper, watch, chosen=isinstance(d.solver, Automatic))


def _solution(task: Task, formulation: Formulation, keeper: Keeper, watch: Watch, *, chosen: bool) -> Solution:
    """Run the solver of a task, and make a solution of what it found."""
    d = keeper.declared
    with watch, Signals(task.ranks) as signals:
        status = run(task, watch, keeper, signals, chosen=chosen)
    found = watch.best.restore()
    if found is None:
        raise SolveError(f"the solve ended before it had any fields: {status}")
    settings = {**environment(task.device, found.reference.dtype), "solver": repr(d.solver), "target": task.target,
                "seconds": time.monotonic() - watch.start, "ansatz": "none" if d.ansatz is None else d.ansatz.remark,
                "processes": task.ranks.size}
    alone = replace(task, ranks=ALONE)  # what follows is little, and a rank may be lost
    return Solution(d.problem, found, watch.history(), status, d.seed, settings, formulation.forms, _scalars(alone, found))


def _require_sound(problem: Problem) -> None:
    if not isinstance(problem, Problem):
        raise ProblemError(f"solve was given {type(problem).__name__}; expected a ps.Problem(…).")
    found = problem.check()
    errors = [f.message for f in found if f.severity == "error"]
    if errors:
        raise ProblemError("the problem cannot be solved as it is:\n  - " + "\n  - ".join(errors))
    for finding in found:
        warnings.warn(finding.message, ProblemWarning, stacklevel=3)


def _require_time(max_time: float | None) -> None:
    if max_time is not None and not max_time > 0:
        raise SolveError(f"max_time={max_time}; give seconds > 0, or None for no limit.")


def _places(ranks: Ranks | None, device: str | torch.device | None) -> tuple[Ranks, torch.device]:
    """The processes of the solve, and where this one computes: on its own GPU where there are several."""
    asked = None if device is None else _device(device)
    found = Ranks.launched(asked) if ranks is None else ranks
    if found.size > 1 and (ranks is None or asked is None):
        return found, found.device
    return found, asked or _device(None)


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        available = ", ".join(["cpu"] + [f"cuda:{i}" for i in range(torch.cuda.device_count())])
        raise SolveError(f"device {device!r} is not there ({str(error).splitlines()[0]}); available: {available}.") from error
    return place


def _scalars(task: Task, model: Model) -> dict[Unknown, Estimate]:
    """What was found for the unknown scalars, with standard errors."""
    if not any(isinstance(f, Unknown) for f in task.problem.carried):
        return {}
    return {f: Estimate(*pair) for f, pair in identified(task, model).items() if isinstance(f, Unknown)}


def _ansatz(problem: Problem, asked: Ansatz | bool | None, *, free: bool = True) -> Ansatz | None:
    """The ansatz that is used; ``free`` says whether the solver chooses the network."""
    if isinstance(asked, Ansatz):
        return asked
    if asked not in (None, False, True):
        raise SolveError(f"ansatz={asked!r}; expected None to let solve choose, False for none, or one made by "
                         "pinnsiren.ansatz.")
    if asked is False:
        return None
    if problem.ansatz is None and asked is None and free and _has_fitting_features(formulate(problem).problem):
        return None
    return problem.ansatz or chosen(problem)


def _has_fitting_features(problem: Problem) -> bool:
    """Whether features satisfy the equations by themselves, or are as singular at corners as the solution.

    Hard conditions would make coefficients vary, and turn singularities into others.
    """
    return satisfies_itself(problem) or bool(singular_functions(problem))


def _model(formulation: Formulation, problem: Problem, network: Modules,
           device: torch.device, dtype: torch.dtype) -> Model:
    """A copy of the user's networks as a model of the fields that are solved for; unknown scalars need none."""
    solved = formulation.problem
    scalars = tuple(f for f in solved.carried if not f.coordinates)
    if isinstance(network, Mapping):
        given = {_carried(f, formulation, problem): n for f, n in network.items()}
    else:
        together = groups([f for f in solved.carried if f.coordinates])
        if len(together) > 1:
            raise SolveError("the fields have different coordinates, so one network cannot carry them all; "
                             "give a network for each: network={u: …, v: …}.")
        given = {together[0]: network}
    for module in given.values():
        if not isinstance(module, torch.nn.Module):
            raise SolveError(f"network={module!r}; expected a Siren, MLP or any torch.nn.Module, or a dict of them by field.")
    networks = {fields: _network(copy.deepcopy(n), fields) for fields, n in given.items()}
    if scalars:
        networks[scalars] = Constant(len(scalars), [float(c.initial) for c in scalars if isinstance(c, Unknown)])
    model = Model(networks).to(device=device, dtype=dtype)
    require_fields(solved, model)
    return model


def _carried(field: Field, formulation: Formulation, problem: Problem) -> tuple[Field, ...]:
    """The real fields that a network given for a declared field carries: its parts, or those of what an ansatz put there."""
    if field not in problem.fields:
        raise SolveError(f"network names {field}, which is no field of the problem; it has "
                         f"{', '.join(map(str, problem.fields))}.")
    found = {f for part in field.parts for f in formulation.forms[part].atoms(Field)}
    return tuple(f for f in formulation.problem.carried if f in found and f.coordinates)


def _network(module: torch.nn.Module, fields: tuple[Field, ...]) -> Network:
    if isinstance(module, Network):
        return module
    return ModuleNetwork(module, len(fields[0].coordinates), len(fields))
