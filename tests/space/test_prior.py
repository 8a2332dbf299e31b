"""The prior of last layers: exact conditioning, a likelihood that finds what was planted, and better fields than one pass."""

import numpy as np
import pytest
import torch

import pinnsiren as ps
from pinnsiren.errors import SolveError
from pinnsiren.networks.encoders import SetEncoder
from pinnsiren.space import Space
from pinnsiren.space.prior import Moments, Prior, fitted

DOUBLE = torch.float64
X, Y = ps.coordinates("x y")
U, F = ps.Field("u", X, Y), ps.Data("f")
PLACES = np.random.default_rng(0).uniform(-1, 1, (60, 2))


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def shown(number, count=60):
    """u = f with f = a sin(3x + b) + c y², at some of sixty points."""
    a, b, c = np.random.default_rng(number).normal(size=3)
    values = a * np.sin(3 * PLACES[:, 0] + b) + c * PLACES[:, 1] ** 2
    return ps.Problem(ps.Equation(U, F).on(ps.PointSet((X, Y), PLACES[:count], {F: values[:count]})))


@pytest.fixture(scope="module")
def space():
    own = Space(shown, ps.Siren(2, 1, 16, 2, omega0=3.0, seed=1), SetEncoder(2, 1, 8, 16, seed=1), instances=64, width=16)
    own.fit(60, learning_rate=1e-2, context=(5, 60), parameter_weight=0, progress=False)
    own.learn_prior(64, context=(5, 60))
    return own


def error(network, number, places=slice(None)):
    region = shown(number).constraints[0].region
    with torch.no_grad():
        found = network(torch.as_tensor(region.values.copy()).float())[:, 0].double().numpy()
    return np.sqrt(np.mean((found - region.columns[0][1])[places] ** 2))


@pytest.mark.parametrize("rows", [3, 12])
def test_the_mean_is_that_of_a_gaussian_process(rows):
    root, matrix, target = drawn(5, 5), drawn(rows, 5, seed=1), drawn(rows, seed=2)
    prior = Prior(root @ root.T, 0.1)
    gram = matrix @ prior.covariance @ matrix.T + 0.1 * (1 + 5 / rows) * torch.eye(rows, dtype=DOUBLE)
    expected = prior.covariance @ matrix.T @ torch.linalg.solve(gram, target)
    assert torch.allclose(prior.mean(matrix, target), expected, rtol=1e-10, atol=1e-12)


def test_without_noise_few_equations_hold_and_without_equations_it_is_the_prior():
    root, matrix, target = drawn(5, 5), drawn(3, 5, seed=1), drawn(3, seed=2)
    prior = Prior(root @ root.T, 1e-20)
    assert torch.allclose(matrix @ prior.mean(matrix, target), target, atol=1e-12)
    assert torch.equal(prior.mean(matrix[:0], target[:0]), torch.zeros(5, dtype=DOUBLE))


def test_the_likelihood_finds_a_planted_prior():
    root = torch.block_diag(torch.tensor([[1.0, 0.0], [0.8, 0.5]], dtype=DOUBLE), 2 * torch.eye(1, dtype=DOUBLE))
    found = []
    for i in range(600):
        matrix = drawn(8, 3, seed=3 * i)
        target = matrix @ root @ drawn(3, seed=3 * i + 1) + 0.5 * drawn(8, seed=3 * i + 2)
        found.append(Moments.of(matrix, target))
    prior = fitted(found, [2, 1])
    assert prior.noise == pytest.approx(0.25, rel=0.1)
    assert torch.allclose(prior.covariance, root @ root.T, rtol=0.2, atol=0.1)
    assert prior.covariance[:2, 2].abs().max() == 0


def test_seen_values_are_met_as_well_as_the_noise_says(space):
    few = shown(1000, 8)
    learned, space.prior = space.prior, Prior(space.prior.covariance, 1e-12)
    exactly, space.prior = space.conditioned(few), learned
    assert error(exactly, 1000, slice(8)) < 1e-4 < 0.1 * error(space.network(few), 1000, slice(8))


def test_what_was_not_seen_is_better_than_after_one_pass(space):
    plain = [error(space.network(shown(n, 30)), n, slice(30, None)) for n in range(1000, 1020)]
    conditioned = [error(space.conditioned(shown(n, 30)), n, slice(30, None)) for n in range(1000, 1020)]
    assert np.median(conditioned) < 0.3 * np.median(plain)


def test_a_prior_is_saved_and_forgotten_by_another_training(space, tmp_path):
    space.save(tmp_path / "space.h5")
    again = Space.load(tmp_path / "space.h5", shown)
    few = shown(1000, 8)
    assert error(again.conditioned(few), 1000) == error(space.conditioned(few), 1000)
    again.fit(1, progress=False)
    with pytest.raises(SolveError, match=r"no prior for its last layers; call space.learn_prior\(\)"):
        again.conditioned(few)
    with pytest.raises(SolveError, match="instances=65; the space is trained on 64"):
        again.learn_prior(65)
