"""States eliminated by least squares for a given medium, and what a change of the medium does to what they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from pinnsiren.collapse import Collapsed
from pinnsiren.last_layer import Jets, LastLayer
from pinnsiren.partials import Partial
from pinnsiren.residual import Residual, partial_columns
from pinnsiren.solvers.states import States
from pinnsiren.symbols import Field

RIDGE = 1e-9  # of a column's length: for features that others span
FLAT = 0.5  # of the l1 norm, |r| below which it is quadratic, in the unit of the equation

Place = tuple[int, int]  # a sample, and one of its residuals


@dataclass(frozen=True, eq=False)
class Eliminated:
    """One state at its best for a medium.

    Attributes:
        residual: r (D,), weighted.
        coefficients: c (features · fields of the state,).
        basis: Q (D, P), orthonormal but for the ridge: r has nothing in its range.
        slopes: ∂r/∂m with c held, (D, M), M coefficients of the medium.
    """

    residual: Tensor
    coefficients: Tensor
    basis: Tensor
    slopes: Tensor

    @property
    def loss(self) -> float:
        return 0.5 * float(self.residual @ self.residual)

    def normal(self) -> tuple[Tensor, Tensor]:
        """Jᵀ r and JᵀJ of the projected residual: (M,), (M, M)."""
        seen = self.basis.T @ self.slopes
        return self.slopes.T @ self.residual, self.slopes.T @ self.slopes - seen.T @ seen


@dataclass(frozen=True, eq=False)
class Elimination:
    """The equations of all states at fixed points, as functions of the medium's coefficients m (M,).

    Args:
        residual: of a model with one network for the media, and one for each set of states of a kind.
        found: which fields are what; there is one medium.
    """

    residual: Residual
    found: States

    @cached_property
    def layer(self) -> LastLayer:
        return LastLayer(self.residual)

    def states(self, medium: Tensor, which: Sequence[int]) -> list[Eliminated]:
        """Some states at their best."""
        jets = self._jets(medium, {})
        entries, values = self._entries(jets), self._values(jets)
        shared: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        best = []
        for s in which:
            matrix = torch.cat([self._block(p, entries, self.found.states[s]) for p in self._places[s]])
            known = torch.cat([values[p] * self._factors[p] for p in self._places[s]])
            same = next((f for f in shared if f[0].shape == matrix.shape and torch.equal(f[0], matrix)), None)
            if same is None:
                same = (matrix, *_factorised(matrix))
                shared.append(same)
            _, basis, triangle, lengths = same
            inner = basis.T @ known
            c = -torch.linalg.solve_triangular(triangle, inner[:, None], upper=True)[:, 0] / lengths
            best.append((s, known - basis @ inner, c, basis))
        entries = self._entries(self._jets(medium, {s: c for s, _, c, _ in best}))
        return [Eliminated(r, c, basis, torch.cat([self._block(p, entries, self.found.media) for p in self._places[s]]))
                for s, r, c, basis in best]

    def alone(self, medium: Tensor) -> tuple[float, Tensor, Tensor]:
        """What constraints on the medium alone cost, and gradient (M,) and matrix (M, M) of that: l1 by lagged weights."""
        jets = self._jets(medium, {})
        entries, values = self._entries(jets), self._values(jets)
        loss, slope, matrix = 0.0, medium.new_zeros(len(medium)), medium.new_zeros(len(medium), len(medium))
        for p in self._places[-1]:
            rows, r, factor = self._block(p, entries, self.found.media), values[p], self._factors[p]
            size = (r.square() + FLAT**2).sqrt()
            is_l1 = self._norms[p] == "l1"
            weights = 1 / size if is_l1 else torch.ones_like(r)
            loss += factor**2 * float((size - FLAT).sum() if is_l1 else 0.5 * r.square().sum())
            slope += rows.T @ (factor * weights * r)
            matrix += rows.T @ (weights[:, None] * rows)
        return loss, slope, matrix

    def write(self, medium: Tensor, states: Mapping[int, Tensor]) -> None:
        """Put coefficients into the model's networks; states that are not named get zero."""
        self.layer.write(self._coefficients(medium, states))

    @property
    def medium(self) -> Tensor:
        """The coefficients that the model's own network of the medium has: (M,)."""
        return self.layer.coefficients()[self._carrier(self.found.media[0])][0]

    def _carrier(self, field: Field) -> int:
        return next(i for i, c in enumerate(self.residual.model.carriers) if field in c.fields)

    def _coefficients(self, medium: Tensor, states: Mapping[int, Tensor]) -> list[Tensor]:
        found = [torch.zeros_like(c) for c in self.layer.coefficients()]
        found[self._carrier(self.found.media[0])][0] = medium
        for s, c in states.items():
            for field, part in zip(self.found.states[s], c.view(len(self.found.states[s]), -1), strict=True):
                carrier = self._carrier(field)
                found[carrier][self.residual.model.carriers[carrier].fields.index(field)] = part
        return found

    def _jets(self, medium: Tensor, states: Mapping[int, Tensor]) -> Jets:
        return self.layer.jets(self._coefficients(medium, states))

    def _values(self, jets: Jets) -> dict[Place, Tensor]:
        samples = zip(self.residual.samples, jets, strict=True)
        return {(i, k): v for i, (s, jet) in enumerate(samples) for k, v in enumerate(s.bound(partial_columns(s.group, jet)))}

    def _entries(self, jets: Jets) -> dict[Place, list[tuple[int, int, int, Tensor]]]:
        """For each residual its slopes (n,): (carrier, channel, output, values)."""
        found: dict[Place, list[tuple[int, int, int, Tensor]]] = {}
        like = self.residual.model.reference
        for i, (sample, jet, x) in enumerate(zip(self.residual.samples, jets, self.layer.linearisations, strict=True)):
            places = {symbol: (c, channel, output) for c, q in enumerate(sample.group.requests)
                      for symbol, channel, output in q.places}
            slopes = x.program.bind(sample.columns, sample.count, like)(partial_columns(sample.group, jet))
            for (k, symbol), slope in zip(x.entries, slopes, strict=True):
                found.setdefault((i, k), []).append((*places[symbol], slope))
        return found

    def _block(self, place: Place, entries: Mapping[Place, Sequence[tuple[int, int, int, Tensor]]],
               fields: Sequence[Field]) -> Tensor:
        """One residual's weighted rows (n, P) for some fields' coefficients."""
        carrier = self._carrier(fields[0])
        features = self.layer.features[place[0]][carrier]
        outputs = [self.residual.model.carriers[carrier].fields.index(f) for f in fields]
        width = self.layer.features[0][carrier].shape[2]
        rows = features.new_zeros(self.residual.samples[place[0]].count, len(fields) * width)
        for c, channel, output, slope in entries.get(place, ()):
            if c == carrier and output in outputs:
                start = outputs.index(output) * width
                rows[:, start:start + width].addcmul_((slope * self._factors[place])[:, None], features[channel])
        return rows

    @cached_property
    def _places(self) -> dict[int, list[Place]]:
        """The residuals that hold fields of each state; under −1 those of the medium alone."""
        found: dict[int, list[Place]] = {s: [] for s in range(-1, len(self.found.states))}
        for i, sample in enumerate(self.residual.samples):
            for k, residual in enumerate(sample.group.residuals):
                held = {a.field for a in residual.free_symbols if isinstance(a, (Partial, Collapsed))}
                owner = next((s for s, fields in enumerate(self.found.states) if held & set(fields)), -1)
                found[owner].append((i, k))
        return found

    @cached_property
    def _factors(self) -> dict[Place, float]:
        """√(w/n) of each residual."""
        return {(i, k): (c.weight * self.residual.emphasis.get(c.name, 1.0) / s.counted) ** 0.5
                for i, s in enumerate(self.residual.samples) for c, places in s.group.components()
                for k in range(places.start, places.stop)}

    @cached_property
    def _norms(self) -> dict[Place, str]:
        return {(i, k): c.norm for i, s in enumerate(self.residual.samples) for c, places in s.group.components()
                for k in range(places.start, places.stop)}


def _factorised(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Q (D, P), R and the columns' lengths, of the matrix with columns of length 1 above a ridge."""
    lengths = matrix.norm(dim=0).clamp_min(torch.finfo(matrix.dtype).tiny)
    ridge = RIDGE * torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    q, r = torch.linalg.qr(torch.cat([matrix / lengths, ridge]))
    return q[:len(matrix)].contiguous(), r, lengths
