"""Jets in closed form against exact derivatives by sympy, and against each other; float64 at 1e-12."""

import math

import pytest
import sympy
import torch
from torch import Tensor

from pinnsiren.activations import activation_named
from pinnsiren.errors import EquationError, SolveError
from pinnsiren.jets import Channels, Composition, Rule, operator_weights
from pinnsiren.networks import MLP, Siren
from pinnsiren.sine import SecondOrderSine, rule_for

NAMES = ("identity", "relu", "sine", "softplus", "tanh")
EXACT = {"identity": lambda z: z, "sine": sympy.sin, "softplus": lambda z: sympy.log(1 + sympy.exp(z)),
         "tanh": sympy.tanh}


def relative(found: Tensor, expected: Tensor) -> float:
    """Largest difference, relative to the largest value."""
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).detach().item()


# Channels -----------------------------------------------------------------------------------------------------------

def test_carried_partials_are_the_lower_closure_in_order_of_total_order():
    channels = Channels(2, ((2, 1),))
    assert channels.carried[0] == (0, 0)
    assert set(channels.carried) == {(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (2, 1)}
    assert [sum(orders) for orders in channels.carried] == [0, 1, 1, 2, 2, 3]
    assert [channels.index(orders) for orders in channels.carried] == list(range(6))


def test_operators_come_last_and_bring_the_first_orders_they_need():
    channels = Channels(3, ((0, 0, 0),), (((0, 0), (0, 2)), ((2, 2),)))
    assert channels.carried == ((0, 0, 0), (1, 0, 0), (0, 0, 1))
    assert (channels.operator_index(0), channels.operator_index(1), len(channels)) == (3, 4, 5)
    assert channels.firsts == (0, 2)


def test_a_laplacian_takes_two_and_d_channels():
    assert len(Channels(10, (), (tuple((i, i) for i in range(10)),))) == 12


def test_fourth_derivative_has_the_terms_of_faa_di_bruno():
    terms = {(t.order, t.factors): t.multiplicity for t in Channels(1, ((4,),)).terms[-1]}
    # f' z4 + f'' (4 z1 z3 + 3 z2²) + f''' 6 z1² z2 + f'''' z1⁴
    assert terms == {(1, (4,)): 1, (2, (1, 3)): 4, (2, (2, 2)): 3, (3, (1, 1, 2)): 6, (4, (1, 1, 1, 1)): 1}


@pytest.mark.parametrize(("dimension", "wanted", "operators", "message"), [
    (2, ((3, 2),), (), "order 5 was asked"),
    (2, ((1,),), (), "does not fit 2 coordinates"),
    (2, ((-1, 0),), (), "does not fit"),
    (2, (), (((1, 0),),), "not a sum over pairs"),
    (2, (), (((0, 2),),), "not a sum over pairs"),
    (2, (), ((),), "not a sum over pairs"),
])
def test_impossible_channels_are_refused(dimension, wanted, operators, message):
    with pytest.raises(EquationError, match=message):
        Channels(dimension, wanted, operators)


def test_a_partial_that_is_not_carried_is_refused():
    with pytest.raises(EquationError, match="is not carried"):
        Channels(2, ((1, 0),)).index((0, 1))


@pytest.mark.parametrize(("coefficients", "message"), [
    ((), "1 operators were declared"),
    ((torch.ones(2, 3),), "do not fit an operator of 2 pairs at 5 points"),
    ((torch.ones(1, 5),), "do not fit"),
    ((torch.ones(2),), "do not fit"),
    ((torch.ones(2, 1, requires_grad=True),), "ask for a gradient"),
])
def test_coefficients_that_do_not_fit_are_refused(coefficients, message):
    with pytest.raises(EquationError, match=message):
        operator_weights(Channels(2, (), (((0, 0), (1, 1)),)), coefficients, torch.zeros(5, 2))


# Activations --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", sorted(EXACT))
def test_activation_derivatives_are_those_of_sympy(name):
    t = sympy.Symbol("t", real=True)
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    activation = activation_named(name)
    basis = activation.basis(z, 5)
    for k in range(6):
        exact = sympy.diff(EXACT[name](t), t, k)
        expected = torch.tensor([float(exact.subs(t, sympy.Float(float(v), 30))) for v in z], dtype=torch.float64)
        assert (activation.derivative(basis, k) - expected).abs().max() < 1e-13 * max(1, expected.abs().max())


def test_softplus_stays_finite_and_exact_far_out():
    z = torch.tensor([-800.0, 30.0, 800.0], dtype=torch.float64)
    value = activation_named("softplus").basis(z, 0)[0]
    assert value.tolist() == [0.0, 30 + math.log1p(math.exp(-30)), 800.0]


def test_an_unknown_activation_names_the_known():
    with pytest.raises(SolveError, match="choose one of finer, identity, relu, sine"):
        activation_named("gelu")


# Networks' jets against sympy ---------------------------------------------------------------------------------------

def exact_field(network, function):
    """The network as a sympy expression of its coordinates."""
    x = sympy.symbols(f"x:{network.inputs}", real=True)
    layers = network.tensors()
    a = [(c - sympy.Float(float(m), 30)) / sympy.Float(float(h), 30)
         for c, m, h in zip(x, network.centre, network.half_width, strict=True)]

    def number(value):
        return sympy.Float(value.detach().item(), 30)

    for weight, bias in zip(layers.weights, layers.biases, strict=True):
        a = [function(sum((number(w) * v for w, v in zip(row, a, strict=True)), number(b)))
             for row, b in zip(weight, bias, strict=True)]
    output = sum((number(w) * v for w, v in zip(network.output.weight[0], a, strict=True)), number(network.output.bias))
    return x, output


def exact_jet(network, function, points, orders):
    x, field = exact_field(network, function)
    variables = [(c, k) for c, k in zip(x, orders, strict=True) if k]
    evaluate = sympy.lambdify(x, sympy.diff(field, *variables) if variables else field, "numpy", cse=True)
    return torch.tensor([float(evaluate(*(float(c) for c in point))) for point in points], dtype=torch.float64)


@pytest.mark.parametrize(("network", "function"), [
    (Siren(2, 1, 3, 2, omega0=(3.0, 1.5), box=[(-1, 2), (0, 4)], seed=3, dtype=torch.float64), sympy.sin),
    (MLP(2, 1, 2, 2, box=[(-1, 2), (0, 4)], seed=4, dtype=torch.float64), sympy.tanh),
], ids=["siren", "tanh"])
def test_jets_are_the_exact_partials_of_the_network(network, function):
    points = torch.rand(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2
    wanted = ((4, 0), (2, 2), (1, 3))
    channels = Channels(2, wanted)
    jet = network.jet(points, channels)[..., 0]
    assert len(channels.carried) == 13  # of the 15 up to order 4 neither (3, 1) nor (0, 4)
    for orders in ((0, 0), (1, 0), (0, 2), (1, 1), (2, 1), (0, 3), *wanted):
        expected = exact_jet(network, function, points, orders)
        assert relative(jet[channels.index(orders)], expected) < 1e-12, orders


def test_operators_of_a_siren_are_exact():
    network = Siren(3, 1, 3, 2, omega0=2.0, seed=5, dtype=torch.float64)
    generator = torch.Generator().manual_seed(2)
    points = torch.rand(4, 3, dtype=torch.float64, generator=generator)
    variable = torch.rand(3, 4, dtype=torch.float64, generator=generator)
    channels = Channels(3, (), (((0, 0), (1, 1), (2, 2)), ((0, 0), (0, 2), (1, 2))))
    jet = network.jet(points, channels, (torch.tensor([[1.0], [1.0], [-2.0]], dtype=torch.float64), variable))[..., 0]
    partial = {pair: exact_jet(network, sympy.sin, points, tuple((k == pair[0]) + (k == pair[1]) for k in range(3)))
               for pair in {pair for operator in channels.operators for pair in operator}}
    assert relative(jet[channels.operator_index(0)], partial[0, 0] + partial[1, 1] - 2 * partial[2, 2]) < 1e-12
    mixed = variable[0] * partial[0, 0] + variable[1] * partial[0, 2] + variable[2] * partial[1, 2]
    assert relative(jet[channels.operator_index(1)], mixed) < 1e-12


# Rules --------------------------------------------------------------------------------------------------------------

SECOND_ORDER = [
    (Channels(1, ((0,),)), ()),
    (Channels(2, ((0, 1),)), ()),
    (Channels(2, ((2, 0), (1, 1), (0, 2))), ()),
    (Channels(2, (), (((0, 0), (1, 1)),)), (torch.ones(2, 1),)),
    (Channels(3, ((1, 1, 0),), (((0, 0), (0, 2)), ((2, 2),))), (torch.tensor([[2.0], [-3.0]]), torch.rand(1, 6))),
    (Channels(2, (), (((0, 1), (0, 1)),)), (torch.rand(2, 6),)),
]


def random_like(channels: Channels, seed: int) -> Tensor:
    return torch.randn(len(channels), 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("channels", "coefficients"), SECOND_ORDER)
def test_hand_written_sine_agrees_with_faa_di_bruno(channels, coefficients):
    weights = operator_weights(channels, coefficients, torch.zeros(6, channels.dimension, dtype=torch.float64))
    z, g = random_like(channels, 1), random_like(channels, 2)
    results = []
    for rule in (SecondOrderSine(), Composition(activation_named("sine"))):
        jet, *saved = rule.forward(z, channels, weights)
        results.append((jet, rule.backward(g.clone(), z, (jet, *saved), channels=channels, weights=weights)))
    assert relative(results[0][0], results[1][0]) < 1e-14
    assert relative(results[0][1], results[1][1]) < 1e-14


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wanted", [((1, 0),), ((1, 1),), ((2, 1),), ((2, 2), (4, 0), (0, 4))])
def test_backward_is_the_transpose_of_forward(name, wanted):
    channels = Channels(2, wanted, (((0, 0), (0, 1)),))
    rule: Rule = rule_for(activation_named(name), channels)
    weights = operator_weights(channels, (torch.rand(2, 6, generator=torch.Generator().manual_seed(3)),),
                               torch.zeros(6, 2, dtype=torch.float64))
    z, g = random_like(channels, 4).requires_grad_(), random_like(channels, 5)
    composed = Composition(activation_named(name)).forward(z, channels, weights)[0]
    expected, = torch.autograd.grad(composed, z, g)
    with torch.no_grad():
        jet, *saved = rule.forward(z, channels, weights)
        found = rule.backward(g, z, (jet, *saved), channels=channels, weights=weights)
    assert relative(found, expected) < 1e-13


def test_the_sine_has_its_own_rule_up_to_second_order_only():
    sine = activation_named("sine")
    assert isinstance(rule_for(sine, Channels(2, ((1, 1),))), SecondOrderSine)
    assert isinstance(rule_for(sine, Channels(2, ((2, 1),))), Composition)
    assert isinstance(rule_for(activation_named("tanh"), Channels(2, ((1, 1),))), Composition)
