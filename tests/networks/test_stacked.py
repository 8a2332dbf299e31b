"""Many networks in one pass give what each gives by itself, and the same gradients."""

import pytest
import torch
from torch import nn
from torch.func import functional_call

import pinnsiren as ps
from pinnsiren.errors import DataError
from pinnsiren.jets import Channels

DOUBLE = torch.float64
COUNT, EACH = 3, 5
CHANNELS = Channels(2, ((1, 1), (2, 0)), (((0, 0), (1, 1)),))
NETWORKS = {
    "siren": lambda: ps.Siren(2, 3, 8, 3, omega0=[4.0, 2.0, 1.0], seed=1, dtype=DOUBLE, box=[[0, 2], [-1, 1]]),
    "periodic": lambda: ps.Siren(2, 3, 8, 2, omega0=2.0, seed=1, dtype=DOUBLE, periodic=(True, False)),
    "tanh": lambda: ps.MLP(2, 3, 8, 2, seed=1, dtype=DOUBLE),
}


class Jet(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, *arguments):
        return self.network.jet(*arguments)


@pytest.mark.parametrize("name", NETWORKS)
def test_one_pass_for_many_is_many_passes(name):
    network = NETWORKS[name]()
    torch.manual_seed(0)
    own = [{f"network.{k}": v.detach() + 0.1 * torch.randn_like(v) for k, v in network.named_parameters()}
           for _ in range(COUNT)]
    together = {k: torch.stack([p[k] for p in own]).requires_grad_() for k in own[0]}
    points, coefficients = torch.rand(COUNT * EACH, 2, dtype=DOUBLE), torch.rand(2, COUNT * EACH, dtype=DOUBLE)
    jet = functional_call(Jet(network), together, (points, CHANNELS, (coefficients,)))
    weights = torch.randn_like(jet)
    (jet * weights).sum().backward()
    for number, parameters in enumerate(own):
        mine = slice(number * EACH, (number + 1) * EACH)
        alone = {k: v.requires_grad_() for k, v in parameters.items()}
        expected = functional_call(Jet(network), alone, (points[mine], CHANNELS, (coefficients[:, mine],)))
        (expected * weights[:, mine]).sum().backward()
        assert torch.allclose(jet[:, mine], expected, rtol=1e-12, atol=1e-12)
        for k, v in alone.items():
            assert torch.allclose(together[k].grad[number], v.grad, rtol=1e-11, atol=1e-11), k


def test_the_gradient_of_a_plain_sum_of_features():
    network = NETWORKS["siren"]()

    class Hidden(Jet):
        def forward(self, *arguments):
            return self.network.hidden(*arguments)

    points = torch.rand(4, 2, dtype=DOUBLE)
    gradients = []
    for shape in ((), (1,)):  # one network, and one in a row of one
        own = {f"network.{k}": v.detach().expand(*shape, *v.shape).clone().requires_grad_()
               for k, v in network.named_parameters()}
        functional_call(Hidden(network), own, (points, Channels(2, ((1, 0),)))).sum().backward()
        gradients.append(own["network.layers.1.weight"].grad)
    assert torch.allclose(gradients[1][0], gradients[0], rtol=1e-12)


def test_points_that_cannot_be_shared_equally():
    network = NETWORKS["siren"]()
    together = {f"network.{k}": v.detach().expand(COUNT, *v.shape) for k, v in network.named_parameters()}
    with pytest.raises(DataError, match="7 points cannot be shared by 3 networks"):
        functional_call(Jet(network), together, (torch.rand(7, 2, dtype=DOUBLE), Channels(2, ((0, 0),))))
