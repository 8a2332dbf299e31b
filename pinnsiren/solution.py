"""What a solve gives back: fields that can be evaluated anywhere, how they were found, and how far it got."""

import copy
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import matplotlib.figure
import numpy as np
import scipy
import sympy
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from pinnsiren import plotting, storage
from pinnsiren.check import undetermined_constants
from pinnsiren.compile import compile_expressions
from pinnsiren.complex_parts import real_and_imaginary
from pinnsiren.domains import Box, Domain
from pinnsiren.errors import DataError, EquationError, ProblemError, SolveError, StorageError
from pinnsiren.formulation import expressed
from pinnsiren.model import Model
from pinnsiren.networks import ModuleNetwork, Network, build
from pinnsiren.partials import Partial, in_partials
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Parameter, RangedParameter, Unknown
from pinnsiren.version import __version__

Array = NDArray[Any]
Modules = torch.nn.Module | Mapping[Field, torch.nn.Module]  # the user's networks: one for all fields, or one for each
CHUNK = 16384  # points evaluated at once: a hundred MB for a few thousand features

Code = Literal["converged", "finished", "time", "stalled", "interrupted", "diverged", "failed"]


@dataclass(frozen=True)
class Status:
    """How a solve ended.

    Args:
        code: "converged" (the target was reached), "finished" (the solver had no more to do), "time", "stalled",
            "interrupted" (Ctrl-C), "diverged" (NaN), "failed" (an error of the machine, such as no memory).
        ok: whether the solution is worth looking at; only validation says whether it is right.
        advice: a sentence: what happened, and what to do about it.
    """

    code: Code
    ok: bool
    advice: str

    def __str__(self) -> str:
        return f"{self.code}: {self.advice}"


@dataclass(frozen=True)
class History:
    """What was reported on the way, one entry for each item: arrays of equal length.

    Args:
        seconds: since the start.
        loss: ½‖r‖² with the problem's weights.
        measure: what the solver lowered, for least squares and Gauss–Newton an estimate of the relative error.
        residuals: root mean square of each constraint by name, in the units of its equation.
        phases: which solver, and what it was doing.
    """

    seconds: Array
    loss: Array
    measure: Array
    residuals: Mapping[str, Array]
    phases: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.seconds)

    def followed_by(self, other: "History") -> "History":
        """Both, one after the other."""
        if not len(self) or not len(other):
            return self if len(self) else other
        def joined(a: Array, b: Array) -> Array:
            return np.concatenate([a, b])

        return History(joined(self.seconds, other.seconds), joined(self.loss, other.loss), joined(self.measure, other.measure),
                       {n: joined(self.residuals[n], other.residuals[n]) for n in other.residuals}, self.phases + other.phases)


@dataclass(frozen=True)
class Estimate:
    """An unknown scalar that was found.

    Args:
        value: in the unit that the equations give it.
        uncertainty: its standard error, in the same unit, from the covariance of the fit; NaN if there is none.
    """

    value: float
    uncertainty: float

    def __str__(self) -> str:
        return f"{self.value:.8g} ± {self.uncertainty:.1g}"


@dataclass(frozen=True, eq=False)
class Solution:
    """Neural fields that were fitted to a problem. Call it with a field and points.

    Args:
        problem: what was solved.
        model: the fields' networks.
        history, status: how the solve went, and how it ended.
        seed: that reproduces it.
        settings: versions, device and options, as plain values.
        forms: each real part of the problem's fields in the fields that networks carry; by default they are the same.
        unknowns: what was found for the problem's unknown scalars.
        fixed: values of the parameters that have ranges; see :meth:`at`.
    """

    problem: Problem
    model: Model
    history: History
    status: Status
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    forms: Mapping[Field, sympy.Expr] = field(default_factory=dict)
    unknowns: Mapping[Unknown, Estimate] = field(default_factory=dict)
    fixed: Mapping[RangedParameter, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        fields = ", ".join(map(str, self.problem.fields))
        networks = ", ".join(type(c.network).__name__ for c in self.model.carriers)
        return f"<Solution of {self.problem.name or 'a problem'}: {fields} by {networks}; {self.status.code}>"

    def at(self, **values: float) -> "Solution":
        """The solution for one value of each parameter that has a range: ``solution.at(k=7.5)``, to call or to validate.

        Raises:
            ProblemError: a name that no such parameter has, or a value outside its range.
        """
        fixed = {k: float(values[k.name]) for k in self.problem.ranges if k.name in values}
        return replace(self, problem=self.problem.at(**values), fixed={**self.fixed, **fixed})

    def __call__(self, field: Field, points: ArrayLike | Mapping[Any, ArrayLike], **parameters: float) -> Array:
        """A field's values.

        Args:
            field: one of ``problem.fields``.
            points: (n, d) in the order of ``problem.coordinates``, or ``{x: array, y: array}``; in their units.
            parameters: a value for each parameter with a range: ``solution(u, points, k=7.5)``.

        Returns:
            (n,) float64, complex128 for a complex field.
        """
        if field not in self.problem.fields:
            raise EquationError(f"{field} is no field of the problem; it has {', '.join(map(str, self.problem.fields))}.")
        values = self.evaluate(field, points, **parameters)
        return values if field.is_real else values.astype(np.complex128)

    def evaluate(self, expression: Any, points: ArrayLike | Mapping[Any, ArrayLike], **parameters: float) -> Array:
        """Any sympy expression of the fields, their derivatives (up to order 4), coordinates and parameters.

        Args:
            expression: such as ``u.diff(x) + y*u``; a vector such as ``ps.grad(u)`` gives a column for each component.
            points, parameters: see :meth:`__call__`.

        Returns:
            (n,), or (n, components) for a vector; float64, or complex128 where the expression is not real.

        Raises:
            EquationError: a symbol that is no coordinate or parameter of the problem, an unsupported function.
            DataError: points of another shape, or not finite.
            ProblemError: a parameter that has a range was given no value, or one outside its range.
        """
        if parameters:
            return self.at(**parameters).evaluate(expression, points)
        if self.problem.ranges:
            k = self.problem.ranges[0].name
            raise ProblemError(f"the solution holds for a range of {k}; give a value: solution(u, points, {k}=…).")
        vector = isinstance(expression, (sympy.MatrixBase, Sequence))
        declared = [sympy.sympify(e) for e in (list(expression) if vector else [expression])]
        pairs = [real_and_imaginary(in_partials(expressed(e, self.forms))) for e in declared]
        self._require_known([part for pair in pairs for part in pair])
        flat = [part for pair in pairs for part in pair]
        parts = np.concatenate([self._evaluate(flat, chunk) for chunk in _chunks(self._points(points))], axis=1)
        values = parts[::2] if all(im == 0 for _, im in pairs) else parts[::2] + 1j * parts[1::2]
        return values.T if vector else values[0]

    @torch.no_grad()
    def _evaluate(self, flat: Sequence[sympy.Expr], points: Tensor) -> Array:
        columns = dict(zip(self.problem.coordinates, points.T, strict=True))
        columns |= {k: points.new_full((len(points),), value) for k, value in self.fixed.items()}
        for carrier, request in zip(self.model.carriers, self.model.requests(flat), strict=True):
            if request.places:
                jet = carrier.network.jet(carrier.inputs(columns, len(points), points), request.channels)
                columns |= {symbol: jet[channel, :, output] for symbol, channel, output in request.places}
        values = compile_expressions(flat).bind(columns, len(points), points)({})
        return torch.stack(values).double().cpu().numpy()

    def _points(self, points: ArrayLike | Mapping[Any, ArrayLike]) -> Tensor:
        names = self.problem.coordinates
        if isinstance(points, Mapping):
            missing = [c for c in names if c not in points]
            if missing:
                raise DataError(f"points have no column for {missing[0]}; give one for each of {names}.")
            columns = np.broadcast_arrays(*(np.asarray(points[c], float) for c in names))
            points = np.stack(columns, axis=-1).reshape(-1, len(names))
        array = np.asarray(points, float)
        array = array[:, None] if array.ndim == 1 and len(names) == 1 else array
        if array.ndim != 2 or array.shape[1] != len(names):
            raise DataError(f"points have shape {array.shape}; expected (n, {len(names)}), columns {names}.")
        if not np.isfinite(array).all():
            raise DataError(f"points are not finite, first in row {int(np.argmin(np.isfinite(array).all(axis=1)))}.")
        return torch.tensor(array).to(self.model.reference)  # a copy: the array may be read-only

    def _require_known(self, flat: Sequence[sympy.Expr]) -> None:
        carried = {f for c in self.model.carriers for f in c.fields}
        for symbol in sorted({s for e in flat for s in e.free_symbols}, key=str):
            if isinstance(symbol, Partial):
                if symbol.field not in carried:
                    raise EquationError(f"{symbol.field} is no field of the problem; "
                                        f"it has {', '.join(map(str, self.problem.fields))}.")
            elif not isinstance(symbol, Parameter) and symbol not in (*self.problem.coordinates, *self.fixed):
                raise EquationError(f"the expression holds {symbol}, which is no coordinate of the problem; "
                                    f"it has {', '.join(map(str, self.problem.coordinates))}.")

    @property
    def domain(self) -> Domain | None:
        """The domain of the first constraint that fills its space, if any: where a plot is drawn."""
        regions = [c.region for c in self.problem.constraints if c.region.domain is not None]
        return max(regions, key=lambda r: r.dimension).domain if regions else None

    def plot(self) -> matplotlib.figure.Figure:
        """Every field over the domain, and the history of the solve."""
        domain = self.domain or Box(self.problem.bounds)
        middle = {k.name: 0.5 * float(k.low + k.high) for k in self.problem.ranges}
        shown = self.at(**middle) if middle else self
        fields = {name: (lambda points, e=e: shown.evaluate(e, points)) for f in self.problem.fields
                  if f.coordinates == self.problem.coordinates for name, e in _shown(f).items()}
        history = {"loss": self.history.loss, **self.history.residuals} if len(self.history) > 1 else None
        return plotting.plot_fields(fields, domain, history=history, signed=not undetermined_constants(self.problem),
                                    title=self.problem.name, angles={name for name in fields if name.startswith("arg ")})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one HDF5 file, whole or not at all.

        Raises:
            StorageError: the folder is missing or read-only, or the disk is full; an older file stays as it was.
        """
        storage.write(path, {
            "problem": self.problem, "seed": self.seed, "settings": dict(self.settings),
            "status": {"code": self.status.code, "ok": self.status.ok, "advice": self.status.advice},
            "history": {"seconds": self.history.seconds, "loss": self.history.loss, "measure": self.history.measure,
                        "residuals": dict(self.history.residuals), "phases": list(self.history.phases)},
            "forms": dict(self.forms), "fixed": dict(self.fixed),
            "unknowns": {c: [e.value, e.uncertainty] for c, e in self.unknowns.items()},
            "networks": networks_record(self.model)})


def networks_record(model: Model) -> list[dict[str, Any]]:
    """A model as plain values: what its networks are, and their tensors."""
    return [{"fields": list(c.fields), "kind": kind, "arguments": arguments,
             "state": {k: v.detach().cpu().numpy() for k, v in c.network.state_dict().items()}}
            for c in model.carriers for kind, arguments in [c.network.spec()]]


def model_of(records: Sequence[Mapping[str, Any]], module: Modules | None, path: str | os.PathLike[str],
             forms: Mapping[sympy.Expr, sympy.Expr]) -> Model:
    """The model of such a record.

    Args:
        module: the user's own, where one was used, or one for each declared field.
        path: of the file, for the messages of errors.
        forms: declared fields in those that networks carry, where these are others.

    Raises:
        StorageError: a network that is not known, or a module that is missing.
    """
    return Model({tuple(n["fields"]): _network(n, _module(n["fields"], module, forms), path) for n in records})


def _module(fields: Sequence[Field], given: Modules | None,
            forms: Mapping[sympy.Expr, sympy.Expr]) -> torch.nn.Module | None:
    """The user's module that carries some fields."""
    if not isinstance(given, Mapping):
        return given
    carried = {f: {c for part in f.parts for c in forms.get(part, part).atoms(Field)} for f in given}
    return next((given[f] for f, found in carried.items() if found & set(fields)), None)


def _shown(field: Field) -> dict[str, sympy.Expr]:
    """What a picture shows of a field: itself, or real part, magnitude and phase of a complex one."""
    if field.is_real:
        return {field.name: field}
    name = field.name
    return {f"Re {name}": sympy.re(field), f"|{name}|": sympy.Abs(field), f"arg {name}": sympy.arg(field)}


def load(path: str | os.PathLike[str], network: Modules | None = None) -> Solution:
    """The solution that :meth:`Solution.save` wrote.

    Args:
        path: the file.
        network: the module, where the solution's network was one of the user's own, or one for each field as in ``solve``:
            its parameters are read, its code is not in the file.

    Raises:
        StorageError: a file that is missing, truncated, foreign, or that names what is not known.
    """
    record = storage.read(path)
    if record.get("what") == "checkpoint":
        raise StorageError(f"{path} is the checkpoint of a solve; pinnsiren.resume goes on from it, and gives a solution.")
    try:
        history = record["history"]
        return Solution(
            record["problem"], model_of(record["networks"], network, path, record.get("forms", {})),
            History(history["seconds"], history["loss"], history["measure"], history["residuals"], tuple(history["phases"])),
            Status(**record["status"]), record["seed"], record["settings"], record.get("forms", {}),
            {c: Estimate(*pair) for c, pair in record.get("unknowns", {}).items()}, record.get("fixed", {}))
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        raise StorageError(f"{path} is no solution of pinnsiren: {type(error).__name__} {error}. "
                           "Write it again with solution.save.") from error


def _network(record: Mapping[str, Any], module: torch.nn.Module | None, path: str | os.PathLike[str]) -> Network:
    if record["kind"] == ModuleNetwork.__name__:
        if module is None:
            raise StorageError(f"{path} holds the parameters of a module of yours; give it again, as network=module.")
        stored = [np.asarray(v).dtype for v in record["state"].values()]
        double = torch.float64 if np.dtype(np.float64) in stored else torch.float32
        made: Network = ModuleNetwork(copy.deepcopy(module).to(double), record["arguments"]["inputs"],
                                      record["arguments"]["outputs"])
    else:
        made = build(record["kind"], record["arguments"])
    made.load_state_dict({k: torch.as_tensor(np.asarray(v)) for k, v in record["state"].items()})
    return made


def environment(device: torch.device, dtype: torch.dtype) -> dict[str, str]:
    """Versions and machine, for the record of a solve."""
    return {"pinnsiren": __version__, "torch": str(torch.__version__), "numpy": np.__version__, "scipy": scipy.__version__,
            "sympy": sympy.__version__, "python": platform.python_version(), "machine": platform.machine(),
            "device": str(device), "dtype": str(dtype).removeprefix("torch.")}


def require_fields(problem: Problem, model: Model) -> None:
    """Raise unless the model carries every field of the problem."""
    carried = {f for c in model.carriers for f in c.fields}
    missing = [f for f in problem.carried if f not in carried]
    if missing:
        raise SolveError(f"no network carries {missing[0]}; give one for each field, or leave network out.")


def _chunks(points: Tensor) -> Iterator[Tensor]:
    if not len(points):
        yield points
    for start in range(0, len(points), CHUNK):
        yield points[start:start + CHUNK]
