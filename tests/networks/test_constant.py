"""A field without coordinates: its jet, its rows, its spec."""

import pytest
import torch

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import Constant, build

DOUBLE = torch.float64
VALUE = Channels(0, ((),))


def test_the_jet_is_the_constant_and_its_rows_are_one() -> None:
    network = Constant(2, (1.5, -3.0), dtype=DOUBLE)
    points = torch.zeros(4, 0, dtype=DOUBLE)
    assert torch.equal(network(points), torch.tensor([[1.5, -3.0]] * 4, dtype=DOUBLE))
    trace = network.trace(points, VALUE)
    cotangent = torch.arange(8.0, dtype=DOUBLE).view(1, 4, 2)
    assert torch.equal(trace.jet, network.jet(points, VALUE).detach())
    assert torch.equal(trace.pullback(cotangent), cotangent[0])
    assert network.hidden(points, VALUE).shape == (1, 4, 0)
    assert trace.pullback(cotangent).shape[1] == sum(p.numel() for p in network.parameters())


def test_its_gradient_is_that_of_the_bias() -> None:
    network = Constant(1, 2.0, dtype=DOUBLE)
    network(torch.zeros(5, 0, dtype=DOUBLE)).square().sum().backward()
    assert float(network.output.bias.grad) == pytest.approx(20.0)


def test_it_is_rebuilt_from_its_spec() -> None:
    network = Constant(2, (1.5, -3.0), dtype=DOUBLE)
    again = build(*network.spec())
    assert torch.equal(again.output.bias, network.output.bias) and again.spec() == network.spec()


def test_a_number_of_initial_values_that_does_not_fit() -> None:
    with pytest.raises(SolveError, match="expected one number for each"):
        Constant(2, (1.0, 2.0, 3.0))
