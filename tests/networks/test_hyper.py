"""A hypernetwork starts with a SIREN's statistics, and residuals at what it gives have the right gradients."""

import pytest
import torch

import pinnsiren as ps
from pinnsiren.errors import SolveError
from pinnsiren.model import Model, parameter_vector, set_parameters
from pinnsiren.networks.hyper import Hypernetwork
from pinnsiren.residual import Residual
from pinnsiren.space.generator import Evaluation, Generator

DOUBLE = torch.float64


def latents(count, length, seed=0):
    return torch.randn(count, length, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def test_what_it_generates_starts_with_the_statistics_of_a_siren():
    target = ps.Siren(2, 1, 128, 4, seed=1, dtype=DOUBLE)
    hypernetwork = Hypernetwork(target, latent=32, width=64)
    for theta in hypernetwork(latents(3, 32)):
        own = Generator(target, None, hypernetwork, instances=1).network(theta)
        assert not torch.equal(parameter_vector(own), parameter_vector(target))
        for layer in ps.diagnose(own).layers:
            assert layer.spread == pytest.approx(layer.expected_spread, rel=0.1)
        for name, tensor in own.named_parameters():
            if tensor.numel() > 100:
                assert tensor.std().item() == pytest.approx(target.get_parameter(name).std().item(), rel=0.05), name


def test_generated_values_spread_as_far_as_was_asked():
    target = ps.Siren(2, 1, 64, 3, seed=1, dtype=DOUBLE)
    theta = Hypernetwork(target, latent=64, width=128, spread=0.1)(latents(200, 64))
    place = slice(64 * 2 + 64, 64 * 2 + 64 + 64 * 64)  # the second layer's weight
    relative = theta.std(0)[place].mean() / target.layers[1].weight.std()
    assert 0.05 < relative < 0.15  # for z of variance 1, before the part of h that is the same for all z is taken off


def test_without_its_hidden_part_it_gives_the_target():
    target = ps.Siren(2, 3, 8, 2, seed=1, dtype=DOUBLE)
    hypernetwork = Hypernetwork(target, latent=4, width=6)
    with torch.no_grad():
        hypernetwork.output.zero_()
    theta = hypernetwork(latents(2, 4))
    assert torch.allclose(theta, parameter_vector(target).expand(2, -1), rtol=1e-14)
    for name, tensor in hypernetwork.named(theta).items():
        assert torch.allclose(tensor[1], target.get_parameter(name), rtol=1e-14)


def test_the_gradient_of_a_residual_in_the_latent():
    x, y = ps.coordinates("x y")
    u, square = ps.Field("u", x, y), ps.Box({x: (0, 1), y: (0, 1)})
    problem = ps.Problem(ps.Equation(-ps.laplacian(u) + u * u.diff(x), 1).on(square.interior),
                         ps.Equation(u, 0).on(square.boundary))
    target = ps.Siren(2, 1, 8, 3, omega0=[3.0, 1.0, 1.0], seed=1, dtype=DOUBLE)
    hypernetwork = Hypernetwork(target, latent=3, width=5)
    model = Model({(u,): target})
    residual = Residual.sampled(problem, model, {c.name: 12 for c in problem.constraints})
    z = latents(1, 3).requires_grad_()
    Evaluation(model, hypernetwork).at(residual, hypernetwork(z)).square().sum().backward()

    def loss(place):
        with torch.no_grad():
            set_parameters(target, hypernetwork(place)[0])
            return 2 * residual.loss

    h = 1e-5
    for k, step in enumerate(h * torch.eye(3, dtype=DOUBLE)):
        difference = (loss(z + step) - loss(z - step)) / (2 * h)
        assert z.grad[0, k] == pytest.approx(float(difference), rel=1e-6)


def test_bad_input():
    target = ps.Siren(1, 1, 4, 1)
    with pytest.raises(SolveError, match="spread=0; expected a number > 0"):
        Hypernetwork(target, spread=0)
    with pytest.raises(SolveError, match="learnable frequencies; make it with learnable_omega0=False"):
        Hypernetwork(ps.Siren(1, 1, 4, 1, learnable_omega0=True))
    with pytest.raises(SolveError, match="given a ModuleNetwork to generate; expected a Siren"):
        Hypernetwork(ps.ModuleNetwork(torch.nn.Linear(1, 1), 1, 1))
    with pytest.raises(SolveError, match="latent=0"):
        Hypernetwork(target, latent=0)
