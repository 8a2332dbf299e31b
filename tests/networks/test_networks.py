"""What all networks promise: jets and rows against nested automatic differentiation, specs, seeds, refusals."""

import json

import pytest
import torch
from torch import Tensor, nn

import pinnsiren.networks.layers as layers_module
from pinnsiren.errors import DataError, EquationError, StorageError
from pinnsiren.jets import Channels
from pinnsiren.networks import MLP, Fourier, LinearOutput, ModuleNetwork, Network, Siren, build, kinds
from pinnsiren.networks.layers import composed

ACTIVATIONS = ("identity", "relu", "sine", "softplus", "tanh")
DOUBLE = torch.float64


def networks(inputs: int, outputs: int = 2) -> dict[str, Network]:
    """One of every kind, small, in float64, none of its parameters zero."""
    box = [(-1.0, 2.0 + k) for k in range(inputs)]
    made: dict[str, Network] = {
        "siren": Siren(inputs, outputs, 7, 3, omega0=3.0, box=box, dtype=DOUBLE),
        "learnable": Siren(inputs, outputs, 7, 2, omega0=(3.0, 2.0), learnable_omega0=True, box=box, dtype=DOUBLE),
        "fourier": Fourier(inputs, outputs, 9, 3.0, box=box, dtype=DOUBLE),
        "circle": Siren(inputs, outputs, 7, 2, omega0=(3.0, 2.0), learnable_omega0=True, box=box, dtype=DOUBLE,
                        periodic=[k % 2 == 0 for k in range(inputs)]),
        "circles": MLP(inputs, outputs, 6, 1, box=box, dtype=DOUBLE, periodic=[True] * inputs),
        **{name: MLP(inputs, outputs, 6, 3, activation=name, box=box, dtype=DOUBLE) for name in ACTIVATIONS}}
    with torch.no_grad():
        made["fourier"].output.weight.copy_(draw(outputs, 9, seed=9))
    return made


class Plain(nn.Module):
    """The same function written as anybody would, for autograd to differentiate."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, points):
        network = self.network
        omegas = [1.0] * len(network.layers) if network.omega0 is None else network.omega0
        a = (points - network.centre) / network.half_width
        a = torch.cat([torch.stack([torch.cos(torch.pi * x), torch.sin(torch.pi * x)], dim=1)
                       if i in network.circles else x[:, None] for i, x in enumerate(a.unbind(1))], dim=1)
        function = {"Identity": lambda z: z, "ReLU": torch.relu, "Sine": torch.sin, "Tanh": torch.tanh,
                    "Softplus": lambda z: torch.log1p(torch.exp(z))}[type(network.activation).__name__]
        for omega, layer in zip(omegas, network.layers, strict=True):
            a = function(omega * layer(a))
        return network.output(a)


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def relative(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-3)).detach().item()


def requests(d: int) -> dict[str, tuple[Channels, tuple[Tensor, ...]]]:
    """Channels of every sort in d dimensions, with coefficients at 5 points."""
    diagonal, last = tuple((i, i) for i in range(d)), d - 1
    unit = lambda i, k=1: tuple(k * (j == i) for j in range(d))  # noqa: E731
    mixed = tuple(int(j == 0) + (j == last) for j in range(d))
    highest = tuple(2 * int(j == 0) + (j == last) + (j == d // 2) for j in range(d))
    return {
        "value": (Channels(d, ((0,) * d,)), ()),
        "first": (Channels(d, (unit(last),)), ()),
        "second": (Channels(d, (unit(0, 2), mixed)), ()),
        "laplacian": (Channels(d, (), (diagonal,)), (torch.ones(d, 1, dtype=DOUBLE),)),
        "operators": (Channels(d, (unit(0, 2),), (diagonal, ((0, last), (0, 0)))),
                      (draw(d, 1, seed=1), draw(2, 5, seed=2))),
        "third": (Channels(d, (unit(0, 3), tuple(map(sum, zip(unit(0, 2), unit(last), strict=True)))), (diagonal,)),
                  (draw(d, 5, seed=3),)),
        "fourth": (Channels(d, (unit(last, 4), highest)), ()),
    }


def compared() -> list[tuple[str, int, str]]:
    """Every network and every request in two dimensions; elsewhere those whose code depends on the dimension."""
    everything = [(name, 2, request) for name in networks(1) for request in requests(1)]
    elsewhere = [(name, d, request) for name in ("learnable", "tanh", "circle") for d in (1, 3, 5) for request in requests(1)
                 if (d, request) != (5, "fourth")]
    return everything + elsewhere


@pytest.mark.parametrize(("name", "d", "request_name"), compared())
def test_jet_gradient_and_rows_agree_with_nested_autograd(name, d, request_name):
    network = networks(d)[name]
    channels, coefficients = requests(d)[request_name]
    oracle = ModuleNetwork(Plain(network), d, 2)
    points = draw(5, d, seed=4)
    jet, expected = network.jet(points, channels, coefficients), oracle.jet(points, channels, coefficients)
    assert jet.shape == (len(channels), 5, 2)
    for channel in range(len(channels)):
        assert relative(jet[channel], expected[channel]) < 1e-12

    cotangent = draw(*jet.shape, seed=5)
    parameters = list(network.parameters())
    gradient = torch.autograd.grad(jet, parameters, cotangent)
    exact = torch.autograd.grad(expected, parameters, cotangent, allow_unused=True, materialize_grads=True)
    for found, wanted in zip(gradient, exact, strict=True):
        assert relative(found, wanted) < 1e-12

    trace = network.trace(points, channels, coefficients)
    assert torch.equal(trace.jet, jet.detach()) and not trace.jet.requires_grad
    if channels.order < 4:  # vmap over a graph of fourth derivatives takes seconds; their sum is compared below
        rows = oracle.trace(points, channels, coefficients).pullback(cotangent)
        assert relative(trace.pullback(cotangent), rows) < 1e-12
    assert relative(trace.pullback(cotangent).sum(0), torch.cat([g.flatten() for g in gradient])) < 1e-12


def test_a_trace_is_pulled_back_as_often_as_wanted():
    network = networks(2)["learnable"]
    trace = network.trace(draw(5, 2, seed=1), *requests(2)["operators"])
    first, second = draw(*trace.jet.shape, seed=2), draw(*trace.jet.shape, seed=3)
    together = trace.pullback(first + second)
    assert relative(trace.pullback(first) + trace.pullback(second), together) < 1e-13


@pytest.mark.parametrize("name", ["siren", "learnable", "tanh", "fourier", "circle"])
def test_rows_are_in_the_order_of_parameters_to_vector(name):
    network = networks(2)[name]
    points, (channels, coefficients) = draw(5, 2, seed=1), requests(2)["laplacian"]
    cotangent = draw(len(channels), 5, 2, seed=2)
    rows = network.trace(points, channels, coefficients).pullback(cotangent)
    theta = nn.utils.parameters_to_vector(network.parameters()).detach()
    direction, h = draw(len(theta), seed=3), 1e-6

    def contracted(at: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(at, network.parameters())
        with torch.no_grad():
            return (cotangent * network.jet(points, channels, coefficients)).sum((0, 2))

    difference = (contracted(theta + h * direction) - contracted(theta - h * direction)) / (2 * h)
    assert relative(rows @ direction, difference) < 1e-6


@pytest.mark.parametrize("name", list(networks(1)))
def test_output_is_linear_in_the_hidden_jet(name):
    network = networks(2)[name]
    assert isinstance(network, LinearOutput)
    points, (channels, coefficients) = draw(5, 2, seed=1), requests(2)["operators"]
    features = network.hidden(points, channels, coefficients)
    expected = features @ network.output.weight.T
    expected[0] += network.output.bias
    assert relative(network.jet(points, channels, coefficients), expected) < 1e-13
    cotangent, theta = draw(*expected.shape, seed=3), list(network.parameters())
    jet = network.jet(points, channels, coefficients)
    pairs = zip(*(torch.autograd.grad(y, theta, cotangent) for y in (expected, jet)), strict=True)
    for found, wanted in pairs:
        assert relative(found, wanted) < 1e-12


@pytest.mark.parametrize("name", ["siren", "learnable", "softplus", "circle", "circles"])
def test_blocks_of_points_change_nothing(name, monkeypatch):
    network = networks(2)[name]
    points = draw(333, 2, seed=1)
    channels = requests(2)["operators"][0]
    coefficients = (draw(2, 1, seed=2), draw(2, 333, seed=3))
    results = []
    for size in (2**30, 1):  # all at once; 64 at once
        monkeypatch.setattr(layers_module, "BLOCK_BYTES", size)
        jet = network.jet(points, channels, coefficients)
        rows = network.trace(points, channels, coefficients).pullback(jet.detach())
        gradient = torch.autograd.grad(jet, list(network.parameters()), jet.detach())
        results.append((jet, rows, torch.cat([g.flatten() for g in gradient])))
    for whole, parts in zip(*results, strict=True):
        assert relative(parts, whole) < 1e-12


@pytest.mark.parametrize("count", [0, 1])
def test_few_points_or_none(count):
    network = networks(2)["siren"]
    channels, coefficients = requests(2)["laplacian"]
    points = draw(count, 2, seed=1)
    jet = network.jet(points, channels, coefficients)
    assert jet.shape == (4, count, 2)
    gradient = torch.autograd.grad(jet.sum(), list(network.parameters()))
    rows = network.trace(points, channels, coefficients).pullback(torch.ones_like(jet))
    assert rows.shape == (count, sum(p.numel() for p in network.parameters()))
    assert relative(rows.sum(0), torch.cat([g.flatten() for g in gradient])) < 1e-13


def test_forward_is_the_value_channel():
    network, points = networks(3)["siren"], draw(5, 3, seed=1)
    assert torch.equal(network(points), network.jet(points, Channels(3, ((0, 0, 0),)))[0])
    assert relative(network(points), Plain(network)(points)) < 1e-14


@pytest.mark.parametrize("name", ["siren", "tanh", "circle", "circles"])
def test_expressions_for_the_compiler_are_the_same_jet(name):
    network = networks(2)[name]
    points, (channels, coefficients) = draw(5, 2, seed=1), requests(2)["third"]
    weights = tuple(tuple(c[:, None] for c in tensor) for tensor in coefficients)
    found = composed(network.tensors(), network.scaled(points), channels, weights)
    assert relative(found, network.hidden(points, channels, coefficients)) < 1e-13


def test_jets_compile_without_a_graph_break():
    network = networks(2)["siren"]
    channels, coefficients = requests(2)["laplacian"]
    points = draw(5, 2, seed=1)
    def loss(x: Tensor) -> Tensor:
        return network.jet(x, channels, coefficients).square().sum()

    step, plain = torch.compile(loss, backend="eager", fullgraph=True), loss(points)
    parameters = list(network.parameters())
    for found, expected in zip(torch.autograd.grad(step(points), parameters), torch.autograd.grad(plain, parameters),
                               strict=True):
        assert relative(found, expected) < 1e-12


def test_float32_agrees_to_its_precision():
    network, points = networks(2)["siren"], draw(5, 2, seed=1)
    channels, coefficients = requests(2)["laplacian"]
    expected = network.jet(points, channels, coefficients)
    single = network.float().jet(points.float(), channels, tuple(c.float() for c in coefficients))
    assert single.dtype == torch.float32
    assert 0 < relative(single.double(), expected) < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_gpu_agrees_with_cpu():
    network, points = networks(2)["learnable"], draw(5, 2, seed=1)
    channels, coefficients = requests(2)["operators"]
    rows = network.trace(points, channels, coefficients)
    expected = rows.pullback(torch.ones_like(rows.jet))
    trace = network.cuda().trace(points.cuda(), channels, tuple(c.cuda() for c in coefficients))
    assert relative(trace.pullback(torch.ones_like(trace.jet)).cpu(), expected) < 1e-12


# Refusals -----------------------------------------------------------------------------------------------------------

def test_a_second_derivative_through_the_parameters_is_refused():
    network, points = networks(1)["siren"], draw(5, 1, seed=1)
    weight = network.layers[0].weight
    gradient, = torch.autograd.grad(network(points).square().sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("name", ["siren", "tanh"])
def test_misfits_are_refused(name):
    network = networks(2)[name]
    value = Channels(2, ((0, 0),))
    with pytest.raises(DataError, match=r"points of shape \(5, 3\); expected \(n, 2\)"):
        network.jet(draw(5, 3, seed=1), value)
    with pytest.raises(DataError, match="ask for a gradient"):
        network.jet(draw(5, 2, seed=1).requires_grad_(), value)
    with pytest.raises(DataError, match="in torch.float32; its parameters are torch.float64"):
        network.jet(draw(5, 2, seed=1).float(), value)
    with pytest.raises(EquationError, match="channels over 3 coordinates"):
        network.jet(draw(5, 2, seed=1), Channels(3, ((0, 0, 0),)))
    with pytest.raises(EquationError, match="1 operators were declared"):
        network.trace(draw(5, 2, seed=1), requests(2)["laplacian"][0])


# Building again -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", list(networks(1)))
def test_a_network_is_rebuilt_from_its_spec(name):
    network = networks(2)[name]
    kind, arguments = network.spec()
    again = build(kind, json.loads(json.dumps(arguments)))
    assert type(again) is type(network) and again.spec() == network.spec()
    again.load_state_dict(network.state_dict())
    points = draw(5, 2, seed=1)
    assert torch.equal(again(points), network(points))


def test_initial_values_come_back_with_the_spec_and_follow_the_seed():
    network = Siren(2, 1, 16, 3, seed=4, dtype=DOUBLE)
    again = build(*network.spec())
    other = Siren(2, 1, 16, 3, seed=5, dtype=DOUBLE)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert not torch.equal(network.layers[0].weight, other.layers[0].weight)


def test_the_seed_gives_the_same_network_in_any_dtype_and_leaves_torch_alone():
    before = torch.random.get_rng_state()
    double, single = Siren(2, 1, 16, 3, dtype=DOUBLE), Siren(2, 1, 16, 3, dtype=torch.float32)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(double.parameters(), single.parameters(), strict=True):
        assert torch.equal(a.float(), b)


def test_networks_are_found_by_looking():
    assert {"Siren", "Fourier", "MLP", "ModuleNetwork"} <= set(kinds())
    assert "FeedForward" not in kinds() and "LinearOutput" not in kinds()


@pytest.mark.parametrize(("name", "arguments", "message"), [
    ("Sirene", {}, "network 'Sirene' is not known; expected one of"),
    ("Siren", {"inputs": 2}, "cannot be built"),
    ("Siren", {"inputs": 2, "outputs": 1, "dtype": "float16"}, "dtype 'float16' is not known"),
])
def test_what_cannot_be_built_says_why(name, arguments, message):
    with pytest.raises(StorageError, match=message):
        build(name, arguments)
