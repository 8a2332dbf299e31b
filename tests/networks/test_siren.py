"""SIREN's initialisation against its theory (Sitzmann et al. 2020, supplement 1), and random Fourier features."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from pinnsiren.errors import DomainError, SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import MLP, Fourier, Siren

DOUBLE = torch.float64
VALUE, SLOPE = Channels(1, ((0,),)), Channels(1, ((1,),))


def line(count: int, shift: float = 0.0) -> torch.Tensor:
    return torch.rand(count, 1, dtype=DOUBLE, generator=torch.Generator().manual_seed(7)) * 2 - 1 + shift


def preactivations(network: Siren, points: torch.Tensor) -> list[torch.Tensor]:
    """ω_l (W_l a + b_l) of every sine layer."""
    found, a = [], points
    for omega, layer in zip(network.omega0, network.layers, strict=True):
        found.append((omega * layer(a)).detach())
        a = torch.sin(found[-1])
    return found


def test_bounds_are_those_of_the_paper():
    network = Siren(3, 2, 64, 3, omega0=(30.0, 20.0, 10.0), dtype=DOUBLE)
    limits = [1 / 3, math.sqrt(6 / 64) / 20, math.sqrt(6 / 64) / 10, math.sqrt(6 / 64) / 10]
    for layer, limit in zip([*network.layers, network.output], limits, strict=True):
        bias = 1 / math.sqrt(layer.in_features)
        assert 0.97 * limit < layer.weight.abs().max() <= limit
        assert layer.bias.abs().max() <= bias
        assert stats.kstest(layer.weight.detach().flatten(), stats.uniform(-limit, 2 * limit).cdf).pvalue > 0.01
    assert network.layers[1].bias.abs().max() > 0.9 / math.sqrt(64)


@pytest.mark.parametrize(("initial_bias", "limit"), [(0.0, 0.893), (1.0, 1.01)])
def test_preactivation_deviation_follows_the_recursion(initial_bias, limit):
    # Var z_{l+1} = 1 − exp(−2 Var z_l) + ω0²/(3n), the last from the biases; the second layer sees arcsine: Var = 1.
    width = 2048
    network = Siren(1, 1, width, 5, initial_bias=initial_bias, dtype=DOUBLE)
    bias = initial_bias * 30**2 / (3 * width)
    expected = 1.0 + bias
    for z in preactivations(network, line(300))[1:]:
        assert z.square().mean().item() == pytest.approx(expected, rel=0.06)
        expected = 1 - math.exp(-2 * expected) + bias
    assert math.sqrt(expected) == pytest.approx(limit, abs=0.01)


def test_preactivations_are_normal_and_activations_arcsine():
    z = preactivations(Siren(1, 1, 1024, 4, dtype=DOUBLE), line(100))
    arcsine = stats.arcsine(loc=-1, scale=2)
    assert stats.kstest(torch.sin(z[0]).flatten(), arcsine.cdf, method="asymp").statistic < 0.05
    for pre in z[1:]:
        values = pre.flatten().numpy()
        assert stats.kstest(values / values.std(), "norm", method="asymp").statistic < 0.02
        # sin of N(0, 1.1²) is not quite arcsine; sin of a uniform variable on [−1, 1] would be 0.27 away from it
        assert stats.kstest(np.sin(values), arcsine.cdf, method="asymp").statistic < 0.09


def test_gradient_variance_grows_by_a_fifth_every_layer():
    points = line(300)
    squares = [Siren(1, 1, 512, depth, initial_bias=0.0, dtype=DOUBLE).hidden(points, SLOPE)[1].square().mean().item()
               for depth in (3, 7)]
    # The feature's slope is cos z · z_x, where Var z has come to its fixed point 0.797.
    growth = (squares[-1] / squares[0]) ** 0.25
    assert growth == pytest.approx(1 + math.exp(-2 * 0.797), rel=0.03)


def test_statistics_do_not_depend_on_where_the_points_are():
    network = Siren(1, 1, 1024, 4, dtype=DOUBLE)
    here, there = preactivations(network, line(300)), preactivations(network, line(300, shift=1000.0))
    for a, b in zip(here[1:], there[1:], strict=True):
        assert b.std().item() == pytest.approx(a.std().item(), rel=0.03)


def test_the_derivative_of_a_siren_is_a_network_of_shifted_sines():
    network = Siren(1, 1, 32, 1, dtype=DOUBLE)
    points = line(50)
    layer = network.layers[0]
    phase_shifted = torch.sin(30 * layer(points) + math.pi / 2) * (30 * layer.weight[:, 0])
    expected = phase_shifted @ network.output.weight.T
    torch.testing.assert_close(network.jet(points, SLOPE)[1], expected, rtol=1e-12, atol=1e-12)


def test_spectrum_widens_with_depth():
    x = torch.linspace(-1, 1, 2049, dtype=DOUBLE)[:-1, None]
    centroids = []
    for depth in (1, 3, 5):
        features = Siren(1, 1, 256, depth, initial_bias=0.0, dtype=DOUBLE).hidden(x, VALUE)[0].detach()
        power = torch.fft.rfft(features * torch.hann_window(2048, dtype=DOUBLE)[:, None], dim=0).abs().square().mean(1)
        centroids.append((power * torch.arange(len(power))).sum().item() / power.sum().item())
    assert centroids[0] < centroids[1] < centroids[2]


def test_a_box_is_scaled_to_unit_half_width():
    plain = Siren(2, 1, 16, 2, dtype=DOUBLE)
    scaled = Siren(2, 1, 16, 2, box=[(0, 4), (10, 11)], dtype=DOUBLE)
    points = torch.rand(20, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    moved = points * torch.tensor([2.0, 0.5]) + torch.tensor([2.0, 10.5])
    torch.testing.assert_close(scaled(moved), plain(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize("learnable", [False, True])
def test_omega_is_a_parameter_only_if_learnable(learnable):
    network = Siren(2, 1, 8, 2, learnable_omega0=learnable)
    assert ("omega0" in dict(network.named_parameters())) is learnable
    assert ("omega0" in dict(network.named_buffers())) is not learnable
    assert network.omega0.tolist() == [30.0, 30.0]


def test_fourier_features_fill_their_band():
    network = Fourier(2, 3, 4000, (5.0, 20.0), dtype=DOUBLE)
    frequencies, phases = network.layers[0].weight.detach(), network.layers[0].bias.detach()
    for column, band in zip(frequencies.T, (5.0, 20.0), strict=True):
        assert stats.kstest(column, stats.uniform(-band, 2 * band).cdf).pvalue > 0.01
    assert stats.kstest(phases, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.01
    assert not network(torch.ones(5, 2, dtype=DOUBLE)).any()


@pytest.mark.parametrize(("activation", "gain"), [("tanh", 6 / 96), ("relu", 6 / 48)])
def test_perceptrons_are_drawn_after_glorot_and_he(activation, gain):
    layer = MLP(2, 1, 48, 3, activation=activation).layers[1]
    assert 0.97 * math.sqrt(gain) < layer.weight.abs().max() <= math.sqrt(gain)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: Siren(2, 0), SolveError, "Siren was given outputs=0; expected a whole number >= 1"),
    (lambda: Siren(2, 1, 8, 3, omega0=(30.0, 30.0)), SolveError, "Siren of 3 sine layers was given omega0"),
    (lambda: Siren(2, 1, 8, 3, omega0=0.0), SolveError, "not 0"),
    (lambda: Siren(2, 1, 8, 3, box=[(0, 1)]), DomainError, "does not bound 2 coordinates"),
    (lambda: Siren(1, 1, 8, 3, box=[(1, 1)]), DomainError, "low < high"),
    (lambda: Fourier(2, 1, 8, -1.0), SolveError, "band=-1.0; expected one positive number"),
    (lambda: Fourier(2, 1, 8, (1.0, 2.0, 3.0)), SolveError, "Fourier of 2 inputs"),
    (lambda: MLP(2, 1, 8, 2, activation="swish"), SolveError, "activation 'swish' is not known"),
])
def test_impossible_networks_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
