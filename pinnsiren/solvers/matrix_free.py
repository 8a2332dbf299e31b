"""Least squares for more unknowns than a dense matrix can hold: a network of windows, solved by conjugate gradients."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinnsiren.check import undetermined_constants
from pinnsiren.domains import PointSet
from pinnsiren.equation import Constraint
from pinnsiren.errors import SolveError
from pinnsiren.jets import Orders
from pinnsiren.last_layer import Linearisation
from pinnsiren.model import Model, groups
from pinnsiren.networks.windows import Operator, Windows
from pinnsiren.partials import partials
from pinnsiren.residual import Residual, Sample, partial_columns
from pinnsiren.solvers.conjugate_gradients import Iterate, Spaces, conjugate_gradients
from pinnsiren.solvers.task import Solver, Step, Task
from pinnsiren.solvers.window_choice import choose, on_cells
from pinnsiren.solvers.window_levels import TwoLevel, local_basis
from pinnsiren.solvers.window_operator import WindowOperator
from pinnsiren.solvers.window_rows import Block, feature_scale
from pinnsiren.solvers.window_slabs import Slab

SAMPLES = 512  # points at which the size and the mean of the fields are taken
BOUNDARY_DENSITY = 2.0  # points along boundaries, in points along as long a line inside


@dataclass(frozen=True)
class MatrixFree(Solver):
    """One linear least-squares problem for a :class:`Windows` network, without ever forming its matrix.

    Rows are scaled as in ``LeastSquares`` (each constraint in units of the fields); the local basis, the two-level
    preconditioner and what decides among many solutions are described in ``window_levels``. A field that the equations
    leave free by a constant gets the mean 0; of a larger null space (harmonic functions, for a Laplacian without
    boundary values) the part in the answer is arbitrary.

    Without a network it chooses windows and points, see ``window_choice.choose``.

    Args:
        iterations: at most so many.
        patience, gain: it has stalled when ‖r‖ fell by less than the share ``gain`` in ``patience`` iterations.
        tolerance: of ‖r‖ and ‖Aᵀr‖ against their values at 0; None for 10 roundings.
        products: precision of the products; None for the task's, else float32 on data sets (six digits) and float64 otherwise.
        cut: singular values of the local basis below it are left out, relative to the largest.
        every: iterations between two reports.

    Raises:
        SolveError: a nonlinear problem, or a model that is not one Windows network.
    """

    iterations: int = 500
    patience: int = 20
    gain: float = 0.05
    tolerance: float | None = None
    products: torch.dtype | None = None
    cut: float = 1e-10
    every: int = 5

    def iterate(self, task: Task) -> Iterator[Step]:
        if not task.problem.is_linear:
            raise SolveError("MatrixFree solves linear problems, and an equation of this one is not linear in its "
                             "fields; use LeastSquares or GaussNewton.")
        network, residual = _prepare(task)
        model = residual.model
        blocks = linear_blocks(residual)
        dtype = self.products or task.products or (torch.float32 if _only_data(task) else torch.float64)
        slab, everywhere = Slab.of(network, task.ranks), [b for _, b in blocks]
        order = max(p.order for c in task.problem.constraints for p in partials(c.residuals))
        basis = task.ranks.same(local_basis(network, everywhere, self.cut, smooth=order == 0))
        own = _cut(blocks, slab)
        operator = WindowOperator.of(network, [b for _, b in own], basis, dtype=dtype, memory_limit=task.memory_limit,
                                     slab=slab)
        preconditioner = TwoLevel.of(network, operator, max(1, order), blocks=everywhere)
        meter = _Meter.of(model, blocks, own, basis, free=undetermined_constants(task.problem))
        size = 0.0
        for iterate in self._until_done(operator, preconditioner):
            if iterate.iteration % self.every == 0 and iterate.iteration > 0:  # zero fields have no size to measure by
                size = max(size, meter.write(operator, iterate))
                step = meter.step(operator, iterate, size)
                yield step
                if step.measure <= task.target:
                    return
        yield meter.step(operator, iterate, max(size, meter.write(operator, iterate)))

    def _until_done(self, operator: WindowOperator, preconditioner: TwoLevel) -> Iterator[Iterate]:
        """Iterates up to the stopping rule."""
        target = operator.target
        tolerance = self.tolerance or 10 * torch.finfo(target.dtype).eps
        norms: list[float] = []
        first = 0.0
        ranks = operator.slab.ranks
        spaces = Spaces(ranks, operator.slab.own.to(target) if ranks.size > 1 else None)
        for iterate in conjugate_gradients(operator, target, operator.zero(), preconditioner, spaces):
            yield iterate
            norms.append(math.sqrt(spaces.square(iterate.residual)))
            first = first or iterate.gradient
            small = norms[-1] <= tolerance * norms[0] or iterate.gradient <= tolerance * first
            stalled = len(norms) > self.patience and norms[-1] > (1 - self.gain) * norms[-1 - self.patience]
            if small or stalled or iterate.iteration >= self.iterations:
                return


@dataclass(frozen=True, eq=False)
class _Meter:
    """Writes iterates into the model and measures them.

    Args:
        names: the constraint of each block, and how many points it has on all ranks.
        own: which of these blocks the operator has, and their rows' scales.
        values: the fields at some points.
        free: outputs that are free by a constant.
    """

    model: Model
    network: Windows
    names: tuple[tuple[Constraint, int], ...]
    own: tuple[tuple[int, float], ...]
    values: tuple[WindowOperator, ...]
    free: tuple[int, ...]

    @classmethod
    def of(cls, model: Model, blocks: Sequence[tuple[Constraint, Block]], own: Sequence[tuple[int, Block]], basis: Tensor, *,
           free: Sequence[object]) -> "_Meter":
        network = windows_of(model)
        # of all sets: on the largest alone a field may vanish, as a distance does on its surface
        points = torch.cat(list({id(b.points): b.points for _, b in blocks}.values()))
        chosen = points[torch.linspace(0, len(points) - 1, min(SAMPLES, len(points)), device=points.device).long()]
        value: Operator = {(0,) * network.inputs: 1.0}
        values = tuple(WindowOperator.of(network, [Block(chosen, {o: value}, chosen.new_zeros(len(chosen)))], basis)
                       for o in range(network.outputs))
        fields = model.carriers[0].fields
        return cls(model, network, tuple((c, len(b.points)) for c, b in blocks), tuple((i, b.scale) for i, b in own), values,
                   tuple(fields.index(f) for f in free))

    @torch.no_grad()
    def write(self, operator: WindowOperator, iterate: Iterate) -> float:
        """Put an iterate into the network, and return the size of the fields, root mean square."""
        x = operator.slab.whole(iterate.x.to(operator.basis))
        fields = [v.forward(x) for v in self.values]
        coefficients = operator.coefficients(x)
        for o in self.free:
            mean = float(fields[o].mean())
            coefficients[:, 0, o] -= mean  # feature 0 is the constant, and the windows sum to one
            fields[o] = fields[o] - mean
        self.network.coefficients.copy_(coefficients)
        return float(torch.cat(fields).square().mean().sqrt())

    def step(self, operator: WindowOperator, iterate: Iterate, size: float) -> Step:
        """What is left, beside the largest size that the fields have had: as ‖r‖ it falls from iterate to iterate.

        Beside their own size an iterate that is too large would look better than a right one where no field fits the data.
        """
        squares: dict[str, float] = {}
        weights = {c.name: c.weight for c, _ in self.names}
        left = iterate.residual.double()
        sums = left.new_zeros(len(self.names) + 1)
        for (i, scale), part in zip(self.own, left.split([len(rows.target) for rows in operator.blocks]), strict=True):
            sums[i] = part.square().sum() / scale**2
        sums[-1] = left.square().sum()
        *means, norm = operator.slab.ranks.sum(sums)[0].tolist()
        for (c, count), square in zip(self.names, means, strict=True):
            squares[c.name] = squares.get(c.name, 0.0) + square / count
        loss = 0.5 * sum(weights[name] * s for name, s in squares.items())
        residuals = {name: math.sqrt(s / self._components(name)) for name, s in squares.items()}
        return Step(self.model, math.sqrt(norm) / (size or 1.0), loss, residuals, "windows",
                    f"{self.network.windows * math.prod(operator.shape[1:])} unknowns",
                    iteration=iterate.iteration)

    def _components(self, name: str) -> int:
        return sum(c.name == name for c, _ in self.names)


def _cut(blocks: Sequence[tuple[Constraint, Block]], slab: Slab) -> list[tuple[int, Block]]:
    """The blocks at the points of a slab, with their places among all.

    Raises:
        SolveError: there are none.
    """
    if slab.ranks.size == 1:
        return [(i, b) for i, (_, b) in enumerate(blocks)]
    found = [(i, b.at(mine)) for i, (_, b) in enumerate(blocks) if (mine := slab.holds(b.points)).any()]
    if not slab.ranks.every(bool(found)):
        raise SolveError(f"a slab of windows has no points when {slab.ranks.size} processes share them; start fewer.")
    return found


def linear_blocks(residual: Residual) -> list[tuple[Constraint, Block]]:
    """The rows of a linear problem, one block for each component of each constraint, scaled by √(w/n)/S.

    Raises:
        SolveError: a model that is not one Windows network, or a norm other than l2.
    """
    found = []
    for sample in residual.samples:
        operators, targets = _linear_parts(residual.model, sample)
        for constraint, places in sample.group.components():
            if constraint.norm != "l2":
                raise SolveError(f"constraint '{constraint.name}' has norm={constraint.norm!r}; MatrixFree knows "
                                 "norm='l2' only: use Adam.")
            parts = [Block(sample.inputs[0], operators[k], targets[k]) for k in range(places.start, places.stop)]
            network = windows_of(residual.model)
            size = math.sqrt(sum(feature_scale(network, b) ** 2 for b in parts))
            scale = math.sqrt(constraint.weight / sample.counted) / size
            found += [(constraint, Block(b.points, b.operators, b.target, scale)) for b in parts]
    order = {name: i for i, name in enumerate(residual.order)}
    return sorted(found, key=lambda pair: order[pair[0].name])


def windows_of(model: Model) -> Windows:
    """The one network of a model, if it is Windows.

    Raises:
        SolveError: it is not.
    """
    network = model.carriers[0].network
    if len(model.carriers) != 1 or not isinstance(network, Windows):
        kinds = ", ".join(type(c.network).__name__ for c in model.carriers)
        raise SolveError(f"MatrixFree solves for one Windows network that carries all fields, and was given {kinds}; "
                         "leave the network out, or give a Windows.")
    return network


def _prepare(task: Task) -> tuple[Windows, Residual]:
    """The network, its own or chosen, and the residual at points that suit it."""
    problem = task.problem
    if task.model is None:
        together = groups(problem.carried)
        if len(together) > 1:
            raise SolveError("the fields have different coordinates; MatrixFree needs them on the same ones.")
        choice = choose(problem)
        task.model, per_cell = Model({together[0]: choice.network(task)}), choice.points_per_cell
        network = windows_of(task.model)
    else:
        network = windows_of(task.model)
        per_cell = math.ceil((2 * network.features) ** (1 / network.inputs))
    total = task.points if isinstance(task.points, int) else None
    given: Mapping[str, int] = task.points if isinstance(task.points, Mapping) else {}
    wanted = [given.get(c.name) or c.points or total for c in problem.constraints]
    density = min(per_cell / float(h) for h in network.size)
    counts = {c.name: n or c.region.points or max(8, round(BOUNDARY_DENSITY * c.region.measure
                                                            * density ** c.region.dimension))
              for c, n in zip(problem.constraints, wanted, strict=True)}
    gridded = on_cells(problem, network, per_cell, wanted)
    counts |= {c.name: len(c.region) for c in gridded.constraints if isinstance(c.region, PointSet)}
    return network, Residual.sampled(gridded, task.model, counts, seed=task.seed)


def _only_data(task: Task) -> bool:
    return all(isinstance(c.region, PointSet) for c in task.problem.constraints)


def _linear_parts(model: Model, sample: Sample) -> tuple[list[dict[int, Operator]], list[Tensor]]:
    """For each residual L u − f of a sample: L as operators by output, and f at the points."""
    windows_of(model)
    group, count = sample.group, sample.count
    request = group.requests[0]
    zero = [model.reference.new_zeros(len(request.channels), count, len(model.carriers[0].fields))]
    columns = partial_columns(group, zero)
    targets = [-value for value in sample.bound(columns)]
    linearisation = Linearisation.of(group)
    weights = linearisation.program.bind(sample.columns, count, model.reference)(columns)
    places = {symbol: (channel, output) for symbol, channel, output in request.places}
    operators: list[dict[int, dict[Orders, Tensor]]] = [{} for _ in group.residuals]
    for (k, symbol), weight in zip(linearisation.entries, weights, strict=True):
        channel, output = places[symbol]
        mine = operators[k].setdefault(output, {})
        for orders, factor in _terms(sample, channel):
            column = (weight * factor)[:, None]
            mine[orders] = mine[orders] + column if orders in mine else column
    return [{o: dict(terms) for o, terms in operator.items()} for operator in operators], targets


def _terms(sample: Sample, channel: int) -> Iterator[tuple[Orders, Tensor]]:
    """The partials of one channel of the first network, with their coefficients, (n,) or (1,)."""
    channels = sample.group.requests[0].channels
    operator = channel - len(channels.carried)
    if operator < 0:
        yield channels.carried[channel], sample.inputs[0].new_ones(1)
        return
    for (i, j), a in zip(channels.operators[operator], sample.coefficients[0][operator], strict=True):
        yield tuple((k == i) + (k == j) for k in range(channels.dimension)), a.to(sample.inputs[0])
