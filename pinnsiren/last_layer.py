"""The residual as a function of the last, linear layer alone: u = Σ_k c_k φ_k with the features φ held fixed.

Its rows are ∂r/∂c_k = Σ_α (∂F/∂(∂^α u)) ∂^α φ_k, exact from sympy's linearisation. For a linear problem they do not depend
on c, and one least-squares solve is the answer; otherwise they are the rows of Newton's method on the fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy
import torch
from torch import Tensor

from pinnsiren.collapse import Collapsed
from pinnsiren.compile import Program, compile_expressions
from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.networks import LinearOutput
from pinnsiren.partials import Partial
from pinnsiren.residual import Group, Residual, Sample, partial_columns

Jets = list[list[Tensor]]  # for each sample, for each carrier: (C, n, outputs)


@dataclass(frozen=True)
class Linearisation:
    """∂F_k/∂s for every residual k and every symbol s (a partial or a collapsed sum) that it holds."""

    entries: tuple[tuple[int, sympy.Symbol], ...]
    program: Program
    is_constant: bool  # no entry holds a field: the problem is linear here

    @classmethod
    def of(cls, group: Group) -> "Linearisation":
        entries, expressions = [], []
        for k, residual in enumerate(group.residuals):
            for s in sorted((s for s in residual.free_symbols if isinstance(s, (Partial, Collapsed))), key=sympy.srepr):
                entries.append((k, s))
                expressions.append(sympy.diff(residual, s))
        constant = not any(e.has(Partial, Collapsed) for e in expressions)
        return cls(tuple(entries), compile_expressions(expressions), constant)


@dataclass(frozen=True)
class Rows:
    """One constraint's rows, unscaled: F(u + δu) ≈ value + matrix·δc, and ``image`` = L u, the linear part at u."""

    value: Tensor  # (k·n,)
    matrix: Tensor  # (k·n, P)
    image: Tensor  # (k·n,)


@dataclass(eq=False)
class LastLayer:
    """The features' jets of a model at a residual's points, computed once.

    Raises:
        SolveError: a network without a linear output layer.
    """

    residual: Residual
    features: Jets = field(init=False, repr=False)
    linearisations: list[Linearisation] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        linear_outputs(self.residual.model)
        with torch.no_grad():
            self.features = [_features(self.residual.model, s) for s in self.residual.samples]
        self.linearisations = [Linearisation.of(s.group) for s in self.residual.samples]

    def zero(self) -> Jets:
        """The jets of u = 0."""
        return [[h.new_zeros(*h.shape[:2], len(c.fields)) for h, c in zip(hidden, self.residual.model.carriers, strict=True)]
                for hidden in self.features]

    def jets(self, coefficients: Sequence[Tensor]) -> Jets:
        """The fields' jets for output coefficients (outputs, F + 1) of each carrier."""
        return [[h @ c.T for h, c in zip(hidden, coefficients, strict=True)] for hidden in self.features]

    def coefficients(self) -> list[Tensor]:
        """The model's own output layer, weight and bias side by side: (outputs, F + 1) for each carrier."""
        return [torch.cat([n.output.weight, n.output.bias[:, None]], dim=1).detach().clone()
                for n in linear_outputs(self.residual.model)]

    @torch.no_grad()
    def write(self, coefficients: Sequence[Tensor]) -> None:
        """Put coefficients into the model's output layers."""
        for n, c in zip(linear_outputs(self.residual.model), coefficients, strict=True):
            n.output.weight.copy_(c[:, :-1])
            n.output.bias.copy_(c[:, -1])

    def values(self, jets: Jets) -> dict[str, Tensor]:
        """The unscaled residual of each constraint at some jets: (k·n,)."""
        values: dict[str, Tensor] = {}
        for s, jet in zip(self.residual.samples, jets, strict=True):
            residuals = s.bound(partial_columns(s.group, jet))
            values |= {c.name: torch.cat(residuals[places]) for c, places in s.group.components()}
        return values

    @property
    def is_linear(self) -> bool:
        """Whether the rows' matrix is the same for all jets."""
        return all(x.is_constant for x in self.linearisations)

    def rows(self, jets: Jets) -> dict[str, Rows]:
        """Each constraint's linearised rows around some jets, which need not be those of this model."""
        values, rows = self.values(jets), {}
        for i, s in enumerate(self.residual.samples):
            matrices, images = self._linearised(i, jets[i])
            for c, places in s.group.components():
                rows[c.name] = Rows(values[c.name], torch.cat(matrices[places]), torch.cat(images[places]))
        return rows

    def _linearised(self, index: int, jets: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """For one sample, each residual's matrix (n, P) and image (n,)."""
        sample, linearisation = self.residual.samples[index], self.linearisations[index]
        columns = partial_columns(sample.group, jets)
        like = self.residual.model.reference
        entries = linearisation.program.bind(sample.columns, sample.count, like)(columns)
        widths = [h.shape[2] for h in self.features[index]]
        starts = _starts(self.residual.model, widths)
        matrices = [like.new_zeros(sample.count, starts[-1]) for _ in sample.group.residuals]
        images = [like.new_zeros(sample.count) for _ in sample.group.residuals]
        places = {s: (i, channel, output) for i, q in enumerate(sample.group.requests) for s, channel, output in q.places}
        for (k, symbol), entry in zip(linearisation.entries, entries, strict=True):
            carrier, channel, output = places[symbol]
            start = starts[carrier] + output * widths[carrier]
            matrices[k][:, start:start + widths[carrier]].addcmul_(entry[:, None], self.features[index][carrier][channel])
            images[k].addcmul_(entry, columns[symbol])
        return matrices, images

    def split(self, vector: Tensor) -> list[Tensor]:
        """A solution vector (P,) as coefficients (outputs, F + 1) of each carrier."""
        shapes = [(len(c.fields), h.shape[2]) for c, h in zip(self.residual.model.carriers, self.features[0], strict=True)]
        parts = torch.split(vector, [a * b for a, b in shapes])
        return [p.view(shape) for p, shape in zip(parts, shapes, strict=True)]


def linear_outputs(model: Model) -> list[LinearOutput]:
    """A model's networks, all of which have a linear output layer.

    Raises:
        SolveError: one has not.
    """
    networks = [c.network for c in model.carriers]
    for n in networks:
        if not isinstance(n, LinearOutput):
            raise SolveError(f"{type(n).__name__} has no linear output layer to solve for; use a Siren, an MLP or a Fourier "
                             "network, or another solver.")
    return [n for n in networks if isinstance(n, LinearOutput)]


def jets_of(model: Model, residual: Residual) -> Jets:
    """A model's jets at a residual's points, for the channels that the residual needs."""
    with torch.no_grad():
        return [[c.network.jet(x, q.channels, a) if q.places else x.new_zeros(1, 0, len(c.fields))
                 for c, q, x, a in zip(model.carriers, s.group.requests, s.inputs, s.coefficients, strict=True)]
                for s in residual.samples]


def _features(model: Model, sample: Sample) -> list[Tensor]:
    """The jets of the features with a constant feature for the bias: (C, n, F + 1) for each carrier."""
    found = []
    for n, q, x, a in zip(linear_outputs(model), sample.group.requests, sample.inputs, sample.coefficients, strict=True):
        if not q.places:
            found.append(x.new_zeros(1, 0, n.output.in_features + 1))
            continue
        hidden = n.hidden(x, q.channels, a)
        constant = hidden.new_zeros(*hidden.shape[:2], 1)
        constant[0] = 1
        found.append(torch.cat([hidden, constant], dim=2))
    return found


def _starts(model: Model, widths: Sequence[int]) -> list[int]:
    starts = [0]
    for c, width in zip(model.carriers, widths, strict=True):
        starts.append(starts[-1] + len(c.fields) * width)
    return starts


def stack(rows: Mapping[str, Rows], scales: Mapping[str, float | Tensor]) -> tuple[Tensor, Tensor]:
    """A and b of min ‖A c − b‖ whose solution is the Newton iterate: A c = L u − F(u).

    Rows are scaled by constraint, with one number or one for each row (k·n,).
    """
    matrix = torch.cat([r.matrix * (s[:, None] if isinstance(s := scales[name], Tensor) else s) for name, r in rows.items()])
    target = torch.cat([(r.image - r.value) * scales[name] for name, r in rows.items()])
    return matrix, target
