"""What is said of a network's initial values: theory where it holds, bands that follow ω0, advice that is right."""

import math

import matplotlib.figure
import numpy as np
import pytest
import torch

import pinnsiren as ps
from pinnsiren.activations import Finer
from pinnsiren.networks.siren import noise_for_sound

F64 = torch.float64


@pytest.mark.parametrize("initial_bias", [0.0, 1.0])
@pytest.mark.parametrize("initialisation", ["siren", "gradient"])
def test_spreads_and_gradients_are_those_of_the_recursion(initialisation, initial_bias) -> None:
    network = ps.Siren(2, 16, 512, 5, initial_bias=initial_bias, initialisation=initialisation, dtype=F64)
    for layer in ps.diagnose(network, points=512).layers:
        assert layer.spread == pytest.approx(layer.expected_spread, rel=0.06)
        assert layer.gradient == pytest.approx(layer.expected_gradient, rel=0.08)


def test_the_paper_settings_pre_activations_are_normal() -> None:
    first, *others = ps.diagnose(ps.Siren(1, 1, 1024, 4, dtype=F64), points=1024).layers
    assert first.normal > 0.02  # a uniform number times a uniform number
    for layer in others:
        assert layer.normal < 0.03
        assert layer.arcsine < 0.09
    assert ps.diagnose(ps.MLP(1, 1, 64, 2, dtype=F64)).layers[1].arcsine > 0.1


def test_the_successors_spectrum_does_not_widen_with_depth() -> None:
    bands = {kind: [layer.band[0] for layer in ps.diagnose(ps.Siren(1, 1, 256, 8, initialisation=kind), points=256).layers]
             for kind in ("siren", "gradient")}
    assert bands["siren"][-1] > 2 * bands["siren"][0]
    assert bands["gradient"][-1] < 1.2 * bands["gradient"][0]


def test_autograd_finds_the_same_gradients() -> None:
    network = ps.Siren(2, 2, 24, 3, omega0=[5.0, 2.0, 1.0], dtype=F64)
    sizes = [layer.gradient for layer in ps.diagnose(network, points=300).layers]
    places = 2 * torch.rand(300, 2, dtype=F64, generator=torch.Generator().manual_seed(0)) - 1
    a, kept = places, []
    for omega, layer in zip(network.omega0, network.layers, strict=True):
        a = torch.sin(omega * layer(a)).detach().requires_grad_() if not kept else torch.sin(omega * layer(a))
        a.retain_grad()
        kept.append(a)
    outputs = network.output(a)
    squares = np.zeros(3)
    for k in range(2):
        found = torch.autograd.grad(outputs[:, k].sum(), kept, retain_graph=True)
        squares += [float(g.square().mean()) for g in found]
    np.testing.assert_allclose(sizes, np.sqrt(squares / squares[-1]), rtol=1e-6)


def test_bands_follow_omega_along_each_coordinate() -> None:
    for omega in (5.0, 30.0, 200.0):
        band = ps.diagnose(ps.Siren(2, 1, 256, 3, omega0=[omega, 1.0, 1.0], dtype=F64)).band
        assert all(0.3 * omega < b < 2.0 * omega for b in band)
    one = ps.Fourier(2, 1, 200, [20.0, 4.0], dtype=F64)
    wide, narrow = ps.diagnose(one).band
    assert 12 < wide <= 21 + math.pi / 2
    assert narrow < 6


def test_what_is_needed_is_said_and_helps() -> None:
    x, y = ps.coordinates("x y")
    u = ps.Field("u", x, y)
    square = ps.Box({x: (-1, 1), y: (-1, 1)})
    waves = ps.Problem(ps.Equation(ps.laplacian(u) + 40**2 * u, 1).on(square.interior), ps.Equation(u, 0).on(square.boundary))
    slow = ps.diagnose(ps.Siren(2, 1, 64, 3, omega0=[2.0, 1.0, 1.0]), waves)
    assert min(slow.needed) >= 40
    assert "starts with frequencies up to" in slow.advice[0]
    better = ps.diagnose(ps.Siren(2, 1, 64, 3, omega0=[slow.omega0, 1.0, 1.0]), waves)
    assert better.advice == ()
    assert min(b / n for b, n in zip(better.band, better.needed, strict=True)) == pytest.approx(1.0, rel=0.3)
    assert "not be smooth" in ps.diagnose(ps.Siren(2, 1, 64, 3, omega0=[600.0, 1.0, 1.0]), [10.0, 10.0]).advice[0]


def test_it_can_be_read_and_drawn(tmp_path) -> None:
    found = ps.diagnose(ps.Siren(1, 1, 64, 3), [50.0])
    assert "theory" in str(found) and "needed: 50" in str(found)
    figure = found.plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    figure.savefig(tmp_path / "layers.png")
    assert ps.diagnose(ps.MLP(2, 1, 16, 2, periodic=[True, False])).layers[0].expected_spread is None


def test_what_cannot_be_looked_at() -> None:
    with pytest.raises(ps.SolveError, match="has no layers"):
        ps.diagnose(torch.nn.Linear(1, 1))
    with pytest.raises(ps.SolveError, match="2 coordinates"):
        ps.diagnose(ps.Siren(2, 1, 8, 2), [1.0])


# Options of a Siren ---------------------------------------------------------------------------------------------------

def test_finer_is_its_formula() -> None:
    network = ps.Siren(1, 1, 16, 1, omega0=10.0, activation="finer", dtype=F64)
    x = torch.linspace(-1, 1, 7, dtype=F64)[:, None]
    z = network.layers[0](x)
    torch.testing.assert_close(network(x), network.output(torch.sin(10 * (z.abs() + 1) * z)))


def test_derivatives_of_finer_are_those_of_autograd() -> None:
    activation, z = Finer(3.0), torch.linspace(-4, 4, 40, dtype=F64, requires_grad=True)
    basis = activation.basis(z.detach(), 5)
    value = torch.sin((z.abs() / 3 + 1) * z)
    for order in range(6):
        torch.testing.assert_close(activation.derivative(basis, order), value.detach(), rtol=1e-9, atol=1e-9)
        value, = torch.autograd.grad(value.sum(), z, create_graph=True)


def test_noise_widens_the_spectrum() -> None:
    quiet, noisy = (ps.diagnose(ps.Siren(1, 1, 128, 3, noise=noise, dtype=F64)).band[0] for noise in ((0, 0), (300, 1)))
    assert noisy > 3 * quiet
    assert noise_for_sound(0.0) == (0.0, 0.0)
    assert noise_for_sound(0.2) == (pytest.approx(3500 * (1 - math.exp(-1.4))), pytest.approx(0.6))


def test_options_travel_with_a_solution(tmp_path) -> None:
    from pinnsiren.networks import build
    network = ps.Siren(1, 1, 8, 2, activation="finer", initialisation="gradient", noise=(2.0, 0.5), seed=3, dtype=F64)
    again = build(*network.spec())
    for a, b in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)
    assert again.spec() == network.spec()


@pytest.mark.parametrize(("options", "message"), [
    ({"activation": "cosine"}, "sine and finer"), ({"initialisation": "he"}, "siren, gradient"),
    ({"activation": "finer", "omega0": [30.0, 1.0]}, "one for all layers"), ({"noise": (-1, 0)}, "two numbers >= 0")])
def test_bad_options(options, message) -> None:
    with pytest.raises(ps.SolveError, match=message):
        ps.Siren(1, 1, 8, 2, **options)
