"""Which network carries which field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import sympy
import torch
from torch import Tensor, nn

from pinnsiren.collapse import Collapsed
from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import Network
from pinnsiren.partials import Partial
from pinnsiren.symbols import Field


@dataclass(frozen=True)
class Carrier:
    """One network and the fields that are its outputs, in order. The fields share their coordinates."""

    fields: tuple[Field, ...]
    network: Network

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.fields[0].coordinates

    def inputs(self, columns: Mapping[sympy.Symbol, Tensor], count: int, like: Tensor) -> Tensor:
        """The network's inputs (n, d) from columns (n,) of coordinates; (n, 0) for unknown scalars."""
        if not self.coordinates:
            return like.new_zeros((count, 0))
        return torch.stack([columns[c] for c in self.coordinates], dim=1)


@dataclass(frozen=True)
class Request:
    """What some equations need of one network: its channels, and where each symbol stands in the stacked jet."""

    channels: Channels
    operators: tuple[tuple[sympy.Expr, ...], ...]
    places: tuple[tuple[sympy.Symbol, int, int], ...]  # (symbol, channel, output)


class Model(nn.Module):
    """The neural fields of a problem.

    Args:
        networks: for each tuple of fields with the same coordinates, the network whose outputs they are.

    Raises:
        SolveError: a network whose inputs or outputs do not fit its fields.
    """

    def __init__(self, networks: Mapping[tuple[Field, ...], Network]) -> None:
        super().__init__()
        self.carriers = tuple(Carrier(tuple(fields), network) for fields, network in networks.items())
        self.networks = nn.ModuleList(networks.values())
        for c in self.carriers:
            names = ", ".join(map(str, c.fields))
            if c.network.inputs != len(c.coordinates):
                raise SolveError(f"the network for {names} has {c.network.inputs} inputs, its fields have "
                                 f"{len(c.coordinates)} coordinates; make it with inputs={len(c.coordinates)}.")
            if c.network.outputs != len(c.fields):
                raise SolveError(f"the network for {names} has {c.network.outputs} outputs; "
                                 f"make it with outputs={len(c.fields)}, one for each field.")

    @property
    def reference(self) -> Tensor:
        """A tensor with the model's dtype and device."""
        return next(p for p in chain(self.parameters(), self.buffers()) if p.is_floating_point())

    def requests(self, expressions: Iterable[sympy.Expr]) -> tuple[Request, ...]:
        """What each carrier must provide for expressions over partials and collapsed sums."""
        symbols = {s for e in expressions for s in e.free_symbols if isinstance(s, (Partial, Collapsed))}
        return tuple(_request(c, sorted((s for s in symbols if s.field in c.fields), key=sympy.srepr)) for c in self.carriers)


def groups(fields: Sequence[Field]) -> tuple[tuple[Field, ...], ...]:
    """Fields gathered by their coordinates: the default, one network for each group."""
    by_coordinates: dict[tuple[sympy.Symbol, ...], list[Field]] = {}
    for f in fields:
        by_coordinates.setdefault(f.coordinates, []).append(f)
    return tuple(map(tuple, by_coordinates.values()))


def _request(carrier: Carrier, symbols: Sequence[sympy.Symbol]) -> Request:
    operators = tuple(dict.fromkeys(s.operator for s in symbols if isinstance(s, Collapsed)))
    wanted = tuple(dict.fromkeys(s.orders for s in symbols if isinstance(s, Partial)))
    channels = Channels(len(carrier.coordinates), wanted, tuple(pairs for pairs, _ in operators))
    places = []
    for s in symbols:
        channel = (channels.operator_index(operators.index(s.operator)) if isinstance(s, Collapsed)
                   else channels.index(s.orders))
        places.append((s, channel, carrier.fields.index(s.field)))
    return Request(channels, tuple(coefficients for _, coefficients in operators), tuple(places))


def parameter_vector(model: nn.Module) -> Tensor:
    """θ as one vector, detached: (P,)."""
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


@torch.no_grad()
def set_parameters(model: nn.Module, theta: Tensor) -> None:
    """Write a vector (P,) into the parameters, in place."""
    start = 0
    for p in model.parameters():
        p.copy_(theta[start:start + p.numel()].view_as(p))
        start += p.numel()
