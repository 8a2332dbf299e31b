"""The stacked residual vector r(θ) of a problem at sampled points, its rows, and its Jacobian.

Row i of constraint m is √(w_m / n_m) · C_m(x_i), so that ½‖r‖² is half the weighted sum of the mean squares.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import sympy
import torch
from torch import Tensor

from pinnsiren.collapse import collapse
from pinnsiren.compile import Bound, Program, compile_expressions
from pinnsiren.domains.region import Region
from pinnsiren.equation import Constraint, Norm
from pinnsiren.model import Carrier, Model, Request
from pinnsiren.networks import Trace
from pinnsiren.problem import Problem
from pinnsiren.ranks import ALONE, Ranks
from pinnsiren.sampling import Points
from pinnsiren.symbols import Normal

HUBER = 1.345  # in robust standard deviations: 95 % efficient on normal noise (Huber 1964)


@dataclass(frozen=True)
class Group:
    """The constraints that share their points: equations on the same region with the same number of points."""

    region: Region
    count: int
    constraints: tuple[Constraint, ...]
    requests: tuple[Request, ...]  # one for each carrier of the model
    residuals: tuple[sympy.Expr, ...]  # every component of every constraint, second derivatives collapsed
    program: Program  # the residuals, then every operator's coefficients

    def components(self) -> Iterator[tuple[Constraint, slice]]:
        """Each constraint and the places of its components among the residuals."""
        start = 0
        for c in self.constraints:
            yield c, slice(start, start + len(c.residuals))
            start += len(c.residuals)


def compile_problem(problem: Problem, model: Model, counts: Mapping[str, int]) -> tuple[Group, ...]:
    """Compile every constraint, in groups that share their points. ``counts``: points by constraint name."""
    shared: dict[tuple[Region, int], list[Constraint]] = {}
    for c in problem.constraints:
        shared.setdefault((c.region, counts[c.name]), []).append(c)
    return tuple(_compile_group(region, count, constraints, model) for (region, count), constraints in shared.items())


def _compile_group(region: Region, count: int, constraints: Sequence[Constraint], model: Model) -> Group:
    residuals = collapse([r for c in constraints for r in c.residuals]).expressions
    requests = model.requests(residuals)
    coefficients = [a for request in requests for operator in request.operators for a in operator]
    return Group(region, count, tuple(constraints), requests, residuals, compile_expressions([*residuals, *coefficients]))


@dataclass(frozen=True)
class Sample:
    """A group at points: the coordinates for each network, and the program bound to them.

    Args:
        group: its own ``count`` is that of all ranks together.
        coefficients: for each carrier, for each operator: (pairs, n) or (pairs, 1).
        whole: points of all ranks together, of which these are a share.
        copies: on how many ranks each of them is: a few points are on all.
    """

    group: Group
    columns: Mapping[sympy.Symbol, Tensor]
    inputs: tuple[Tensor, ...]  # (n, d) for each carrier
    coefficients: tuple[tuple[Tensor, ...], ...]  # for each carrier, for each operator: (pairs, n), or (pairs, 1) on the CPU
    bound: Bound
    whole: int
    copies: int = 1

    @property
    def count(self) -> int:
        return self.bound.count

    @property
    def counted(self) -> int:
        """n in √(w/n): the points of all ranks together, each as often as it is there."""
        return self.whole * self.copies

    @property
    def is_drawn(self) -> bool:
        """Whether its points are some of many: neither a point set nor a region that is a single point."""
        return self.group.region.points is None and self.group.region.dimension > 0

    def selected(self, rows: Tensor) -> "Sample":
        """The group at some of the points, by their numbers (n,) on the model's device."""
        columns = {c: v[rows] for c, v in self.columns.items()}
        inputs = tuple(x[rows] if len(x) else x for x in self.inputs)
        coefficients = tuple(tuple(a[:, rows] if a.shape[1] > 1 else a for a in c) for c in self.coefficients)
        return replace(self, columns=columns, inputs=inputs, coefficients=coefficients, bound=self.bound.selected(rows))


def _share(group: Group, model: Model, columns: Mapping[sympy.Symbol, Tensor], ranks: Ranks) -> Sample:
    """The sample of this rank's points, from the columns of all."""
    whole = len(next(iter(columns.values())))
    some = ranks.share(whole)
    return replace(_bind(group, model, {k: v[some] for k, v in columns.items()}), whole=whole, copies=ranks.copies(whole))


def _bind(group: Group, model: Model, columns: Mapping[sympy.Symbol, Tensor]) -> Sample:
    like = next(iter(columns.values()))
    bound = group.program.bind(columns, len(like), like)
    values = iter(bound.outputs[len(group.residuals):])
    coefficients = tuple(tuple(torch.stack([_column(bound, next(values)) for _ in operator]) for operator in r.operators)
                         for r in group.requests)
    # a pass reads constants as numbers: from the host, so that no step waits for a GPU
    coefficients = tuple(tuple(a[:, :1].cpu() if bool((a == a[:, :1]).all()) else a for a in c) for c in coefficients)
    inputs = tuple(carrier.inputs(columns, len(like), like) if request.places else like.new_zeros((0, 0))
                   for carrier, request in zip(model.carriers, group.requests, strict=True))
    lean = Bound(bound.values, bound.missing, bound.waiting, bound.outputs[:len(group.residuals)], bound.count, bound.zero)
    return Sample(group, columns, inputs, coefficients, lean, whole=len(like))


def _column(bound: Bound, place: int) -> Tensor:
    return (bound.zero + bound.values[place]).expand(bound.count)


def _columns(points: Points, like: Tensor) -> dict[sympy.Symbol, Tensor]:
    def tensor(values: np.ndarray) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(values)).to(like)

    columns = {c: tensor(v) for c, v in zip(points.coordinates, points.values.T, strict=True)}
    columns |= {symbol: tensor(v) for symbol, v in points.data.items()}
    if points.normals is not None:
        columns |= {Normal(c): tensor(v) for c, v in zip(points.coordinates, points.normals.T, strict=True)}
    return columns


@dataclass(frozen=True, eq=False)
class Residual:
    """r(θ) of a problem for a model at fixed points.

    Args:
        model: the neural fields; its dtype and device are the residual's.
        samples: groups of constraints at their points; see :meth:`sampled`.
        order: constraint names in the order of the rows.
        emphasis: a further factor on each constraint's weight, by name; dimensionless.
        ranks: among whom the points are shared: r is a part of the rows then, and sums over rows have to be summed over them.
    """

    model: Model
    samples: tuple[Sample, ...]
    order: tuple[str, ...]
    emphasis: Mapping[str, float] = field(default_factory=dict)
    ranks: Ranks = ALONE

    @classmethod
    def sampled(cls, problem: Problem, model: Model, counts: Mapping[str, int], *, seed: int = 0,
                method: str = "sobol", emphasis: Mapping[str, float] | None = None, ranks: Ranks = ALONE) -> "Residual":
        """Compile a problem and sample ``counts[name]`` points for each constraint, of all ranks together."""
        groups = compile_problem(problem, model, counts)
        order = tuple(c.name for c in problem.constraints)
        return cls(model, (), order, emphasis or {}, ranks).at(groups, seed=seed, method=method)

    def at(self, groups: Sequence[Group], *, seed: int, method: str = "sobol") -> "Residual":
        """The same equations at new points: every rank draws all of them, and keeps its share."""
        columns = self.columns_at(groups, seed=seed, method=method)
        samples = (_share(g, self.model, c, self.ranks) for g, c in zip(groups, columns, strict=True))
        return replace(self, samples=tuple(samples))

    def columns_at(self, groups: Sequence[Group], *, seed: int, method: str = "sobol") -> list[dict[sympy.Symbol, Tensor]]:
        """The columns of the points that :meth:`at` draws, all ranks together: nothing is bound to them."""
        return [_columns(g.region.sample(g.count, seed=seed + 7919 * i, method=method), self.model.reference)
                for i, g in enumerate(groups)]

    def crowded(self, factor: int, seed: int) -> "Residual":
        """The same equations at ``factor`` times as many new points, where points are drawn."""
        groups = [replace(s.group, count=factor * s.group.count) if s.is_drawn else s.group for s in self.samples]
        return self.at(groups, seed=seed)

    def resampled(self, seed: int) -> "Residual":
        """New points for every constraint (a point set that is used whole stays as it is)."""
        return self.at([s.group for s in self.samples], seed=seed)

    def columns(self) -> list[dict[sympy.Symbol, Tensor]]:
        """For each sample the columns of all ranks together, each (n,)."""
        return [{c: self.ranks.whole(v, s.whole) for c, v in s.columns.items()} for s in self.samples]

    def placed(self, columns: Sequence[Mapping[sympy.Symbol, Tensor]]) -> "Residual":
        """The same equations at given points, as :meth:`columns` gives them."""
        samples = [_share(s.group, self.model, c, self.ranks) for s, c in zip(self.samples, columns, strict=True)]
        return replace(self, samples=tuple(samples))

    def batch(self, size: int, generator: torch.Generator, ranks: Ranks = ALONE) -> "Residual":
        """A random mini-batch: about ``size`` points in all, shared among the groups in proportion, and among ranks."""
        return self.selected(self.drawn(size, generator), ranks)

    def drawn(self, size: int, generator: torch.Generator) -> list[Tensor]:
        """Row numbers of such a mini-batch for each sample, on the CPU."""
        total = sum(s.count for s in self.samples)
        keep = [min(s.count, max(1, round(size * s.count / total))) for s in self.samples]
        return [torch.randint(s.count, (k,), generator=generator) for s, k in zip(self.samples, keep, strict=True)]

    def shared(self, ranks: Ranks) -> "Residual":
        """This rank's share of a residual that has all points."""
        return self if ranks.size == 1 else self.selected([torch.arange(s.count) for s in self.samples], ranks)

    def selected(self, chosen: Sequence[Tensor], ranks: Ranks = ALONE) -> "Residual":
        """This rank's share of the same equations at some of the points, of which this residual has all.

        Args:
            chosen: their row numbers for each sample.
        """
        samples = []
        for s, rows in zip(self.samples, chosen, strict=True):
            mine = s.selected(rows[ranks.share(len(rows))].to(self.model.reference.device))
            samples.append(replace(mine, whole=len(rows), copies=ranks.copies(len(rows))))
        return replace(self, samples=tuple(samples), ranks=ranks)

    def carried_by(self, model: Model) -> "Residual":
        """The same equations at the same points for another model of the same fields."""
        samples = tuple(replace(_bind(s.group, model, {k: v.to(model.reference) for k, v in s.columns.items()}),
                                whole=s.whole, copies=s.copies) for s in self.samples)
        return replace(self, model=model, samples=samples)

    def weighted(self, emphasis: Mapping[str, float]) -> "Residual":
        """The same residual with other factors on the constraints' weights."""
        return replace(self, emphasis=emphasis)

    @property
    def weights(self) -> dict[str, float]:
        """w of each constraint by name: its own, times the emphasis."""
        return {c.name: c.weight * self.emphasis.get(c.name, 1.0) for s in self.samples for c, _ in s.group.components()}

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """The rows of each constraint by name."""
        sizes = {c.name: (places.stop - places.start) * s.count for s in self.samples for c, places in s.group.components()}
        blocks, start = {}, 0
        for name in self.order:
            blocks[name] = slice(start, start + sizes[name])
            start += sizes[name]
        return blocks

    @property
    def rows(self) -> int:
        """R, the number of rows; of this rank."""
        return max(block.stop for block in self.blocks.values())

    @property
    def all_rows(self) -> int:
        """The number of rows of all ranks together, each counted once."""
        return sum(len(s.group.residuals) * s.whole for s in self.samples)

    def __call__(self) -> Tensor:
        """r, (R,), differentiable in θ."""
        return self.assembled([self.values(s) for s in self.samples])

    def assembled(self, values: Sequence[Sequence[Tensor]]) -> Tensor:
        """r from the residuals of all samples, in their order."""
        parts: dict[str, Tensor] = {}
        for sample, of_sample in zip(self.samples, values, strict=True):
            parts |= self.scaled(sample, of_sample)
        return torch.cat([parts[name] for name in self.order])

    @property
    def loss(self) -> Tensor:
        """½‖r‖², differentiable in θ."""
        return 0.5 * self().square().sum()

    def scaled(self, sample: Sample, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """Rows by constraint from the residuals of one sample: √(w/n) and the norm's weights applied."""
        return {name: values_of * scale for name, values_of, scale in self.scales(sample, values)}

    def scales(self, sample: Sample, values: Sequence[Tensor]) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Each constraint's name, its residuals at a sample's points one below the other, and the factors of these rows."""
        for c, places in sample.group.components():
            r = torch.cat(list(values[places]))
            share = (c.weight * self.emphasis.get(c.name, 1.0) / sample.counted) ** 0.5
            yield c.name, r, share * norm_weights(r.detach(), c.norm, self.ranks)

    def values(self, sample: Sample) -> Sequence[Tensor]:
        """The residuals at a sample's points, (n,) each, differentiable in θ."""
        jets = [c.network.jet(x, q.channels, a) if q.places else x.new_zeros(0)
                for c, q, x, a in self._passes(sample)]
        return sample.bound(partial_columns(sample.group, jets))

    def jacobian(self) -> tuple[Tensor, Tensor]:
        """(r, J): the residual (R,) and ∂r/∂θ (R, P), without gradients; θ in the order of ``model.parameters()``."""
        parts: dict[str, tuple[Tensor, Tensor]] = {}
        for s in self.samples:
            values, rows = self.unscaled_rows(s)
            for (name, r, scale), (_, places) in zip(self.scales(s, values), s.group.components(), strict=True):
                block = torch.cat(rows[places]) if places.stop - places.start > 1 else rows[places.start]
                parts[name] = ((r * scale).detach(), block.mul_(scale[:, None]))
        return torch.cat([parts[n][0] for n in self.order]), torch.cat([parts[n][1] for n in self.order])

    def unscaled_rows(self, sample: Sample) -> tuple[Sequence[Tensor], list[Tensor]]:
        """Each residual at a sample's points (n,) and its gradient at each, (n, P); without weights.

        One forward and one reverse pass for each component: points are independent, so the reverse pass of Σ_n r_n
        gives every point its own row.
        """
        traces = [c.network.trace(x, q.channels, a) if q.places else None for c, q, x, a in self._passes(sample)]
        jets = [t.jet.detach().requires_grad_() if t else self.model.reference.new_zeros(0) for t in traces]
        with torch.enable_grad():
            values = sample.bound(partial_columns(sample.group, jets))
        return values, [self._rows_of(value, jets, traces) for value in values]

    def _passes(self, sample: Sample) -> Iterator[tuple[Carrier, Request, Tensor, tuple[Tensor, ...]]]:
        """What goes through each network at a sample's points."""
        return zip(self.model.carriers, sample.group.requests, sample.inputs, sample.coefficients, strict=True)

    def _rows_of(self, value: Tensor, jets: Sequence[Tensor], traces: Sequence[Trace | None]) -> Tensor:
        """∂value_n/∂θ for each point: (n, P)."""
        used = [j for j, t in zip(jets, traces, strict=True) if t is not None]
        cotangents = iter(torch.autograd.grad(value.sum(), used, retain_graph=True, allow_unused=True, materialize_grads=True))
        parts = [t.pullback(next(cotangents)) if t is not None
                 else value.new_zeros((len(value), sum(p.numel() for p in c.network.parameters())))
                 for c, t in zip(self.model.carriers, traces, strict=True)]
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def root_mean_squares(self, r: Tensor) -> dict[str, float]:
        """√(mean |C_m|²) of each constraint from r: unweighted, in the units of its equation."""
        weights = {c.name: c.weight * self.emphasis.get(c.name, 1.0) * (places.stop - places.start)
                   for s in self.samples for c, places in s.group.components()}
        squares = self.ranks.sum(torch.stack([r.detach()[block].square().sum() for block in self.blocks.values()]))[0]
        return {name: float((square / weights[name]).sqrt()) for name, square in zip(self.blocks, squares, strict=True)}

    def half_square(self, r: Tensor) -> float:
        """½‖r‖² over all ranks."""
        return 0.5 * self.ranks.total(r.detach().square().sum())


def partial_columns(group: Group, jets: Sequence[Tensor]) -> dict[sympy.Symbol, Tensor]:
    """Each partial and collapsed sum as a column (n,), from the stacked jets of the carriers."""
    return {symbol: jet[channel, :, output]
            for request, jet in zip(group.requests, jets, strict=True) for symbol, channel, output in request.places}


def norm_weights(r: Tensor, norm: Norm, ranks: Ranks = ALONE) -> Tensor:
    """Row factors √ω(r) that turn ½Σr² into another norm (iteratively reweighted least squares).

    ω = 1 for l2, 1/|r| for l1, min(1, δ/|r|) for Huber's, δ = 1.345 robust standard deviations of r.
    """
    if norm == "l2":
        return torch.ones_like(r)
    size = r.abs()
    spread = 1.4826 * ranks.together(size).median()
    tiny = torch.finfo(r.dtype).tiny ** 0.5
    if norm == "l1":
        return (1 / size.clamp_min(1e-6 * spread + tiny)).sqrt()
    return (HUBER * spread / size.clamp_min(HUBER * spread + tiny)).sqrt()

