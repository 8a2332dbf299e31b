"""A user's own module as a network."""

import pytest
import torch
from torch import nn

from pinnsiren.errors import SolveError, StorageError
from pinnsiren.jets import Channels
from pinnsiren.networks import ModuleNetwork, build


class Cubic(nn.Module):
    """u = a x³ y, whose partials are known."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

    def forward(self, points):
        return (self.a * points[:, :1] ** 3 * points[:, 1:])


POINTS = torch.tensor([[0.5, -1.0], [2.0, 3.0], [-1.5, 0.25]], dtype=torch.float64)
CHANNELS = Channels(2, ((2, 1), (0, 2)), (((0, 0), (0, 1)),))
COEFFICIENTS = (torch.tensor([[1.0], [-2.0]], dtype=torch.float64),)


def test_partials_and_operators_of_a_known_function():
    x, y = POINTS.T
    jet = ModuleNetwork(Cubic(), 2, 1).jet(POINTS, CHANNELS, COEFFICIENTS)[..., 0]
    exact = {(0, 0): 2 * x**3 * y, (1, 0): 6 * x**2 * y, (1, 1): 6 * x**2, (2, 0): 12 * x * y, (2, 1): 12 * x}
    for orders, expected in exact.items():
        torch.testing.assert_close(jet[CHANNELS.index(orders)], expected, rtol=1e-14, atol=0)
    assert not jet[CHANNELS.index((0, 2))].any()
    torch.testing.assert_close(jet[-1], 12 * x * y - 12 * x**2, rtol=1e-14, atol=0)


def test_rows_of_a_known_function():
    x, y = POINTS.T
    trace = ModuleNetwork(Cubic(), 2, 1).trace(POINTS, CHANNELS, COEFFICIENTS)
    cotangent = torch.zeros_like(trace.jet)
    cotangent[0], cotangent[-1] = 1.0, 0.5
    expected = x**3 * y + 0.5 * (6 * x * y - 6 * x**2)
    torch.testing.assert_close(trace.pullback(cotangent)[:, 0], expected, rtol=1e-14, atol=0)


def test_a_gradient_is_formed_when_it_is_wanted_and_else_not():
    network = ModuleNetwork(Cubic(), 2, 1)
    assert network.jet(POINTS, CHANNELS, COEFFICIENTS).requires_grad
    with torch.no_grad():
        assert not network.jet(POINTS, CHANNELS, COEFFICIENTS).requires_grad


def test_a_linear_module_has_no_second_derivatives():
    network = ModuleNetwork(nn.Linear(2, 3, dtype=torch.float64), 2, 3)
    channels = Channels(2, ((3, 0), (1, 1)))
    jet = network.jet(POINTS, channels)
    assert torch.equal(jet[channels.index((1, 0))], network.module.weight[:, 0].expand(3, 3))
    assert not jet[channels.index((2, 0)):].any()


def test_a_wrong_output_shape_is_named():
    with pytest.raises(SolveError, match=r"Linear maps \(3, 2\) to \(3, 3\); expected \(3, 1\)"):
        ModuleNetwork(nn.Linear(2, 3, dtype=torch.float64), 2, 1).jet(POINTS, CHANNELS, COEFFICIENTS)


def test_the_module_itself_is_not_in_the_spec_and_has_to_be_given_again():
    name, arguments = ModuleNetwork(Cubic(), 2, 1).spec()
    assert (name, arguments) == ("ModuleNetwork", {"inputs": 2, "outputs": 1})
    with pytest.raises(StorageError, match="ModuleNetwork cannot be built .* 'module'"):
        build(name, arguments)
    assert build(name, {**arguments, "module": Cubic()}).spec() == (name, arguments)
