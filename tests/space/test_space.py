"""A space learns the solutions of a family from residuals alone; it goes on, it is saved, and it says what does not fit."""

import signal

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren import storage
from pinnsiren.errors import DataError, SolveError, StorageError
from pinnsiren.model import parameter_vector
from pinnsiren.networks.encoders import ConvEncoder, SetEncoder
from pinnsiren.space import Family, Space
from pinnsiren.space.context import context
from pinnsiren.space.training import Training

(X,) = ps.coordinates("x")
U, F = ps.Field("u", X), ps.Data("f")
LINE = ps.Interval(X, -1, 1)
TEST = np.linspace(-1, 1, 101)[:, None]


def amplitudes(number):
    return np.random.default_rng(number).normal(size=2)


def source(number, x):
    a, b = amplitudes(number)
    return a * np.pi**2 * np.sin(np.pi * x) + b * (np.pi / 2) ** 2 * np.cos(np.pi * x / 2)


def exact(number, x):
    a, b = amplitudes(number)
    return a * np.sin(np.pi * x) + b * np.cos(np.pi * x / 2)


def member(number, count=24, scale=1.0):
    x = LINE.interior.sample(count, seed=number).values
    return ps.Problem(ps.Equation(-U.diff(X, 2), F).on(ps.PointSet((X,), x, {F: scale * source(number, x[:, 0])})),
                      ps.Equation(U, 0).on(LINE.boundary, weight=10.0))


def space(encoder=True, family=member, instances=64, **settings):
    own = SetEncoder(1, 1, 8, 32, seed=1) if encoder is True else encoder
    return Space(family, ps.Siren(1, 1, 12, 2, omega0=[3.0, 1.0], seed=1), own, instances=instances, latent=8, width=32,
                 **settings)


def trained(own, iterations=300, **settings):
    return own.fit(iterations, **{"learning_rate": 1e-2, "parameter_weight": 0.0, "latent_weight": 1e-3, "every": 50,
                                  "progress": False, **settings})


def error(solution, number):
    expected = exact(number, TEST[:, 0])
    return np.linalg.norm(solution(U, TEST) - expected) / np.linalg.norm(expected)


@pytest.fixture(scope="module")
def learned():
    own = space()
    return own, trained(own)


def test_it_learns_solutions_that_it_is_never_shown(learned):
    own, fitted = learned
    assert fitted.status.code == "finished" and fitted.iterations == 300
    assert fitted.history.measure.min() < 0.05 * fitted.history.loss[0]
    new = [error(own.solution(member(n)), n) for n in range(1000, 1020)]
    assert np.median(new) < 0.1
    few = [error(own.solution(member(n), member(n, 6).constraints[0].region), n) for n in range(1000, 1020)]
    assert np.median(few) < 0.4  # two amplitudes from six values


def test_a_few_gauss_newton_steps_refine_it(learned):
    own, _ = learned
    number = 1003
    a, b = map(float, amplitudes(number))
    known = a * sympy.sin(sympy.pi * X) + b * sympy.cos(sympy.pi * X / 2)
    written_out = ps.Problem(ps.Equation(-U.diff(X, 2), -known.diff(X, 2)).on(LINE.interior),
                             ps.Equation(U, 0).on(LINE.boundary))
    start = own.network(member(number))
    steps = ps.GaussNewton(iterations=5)  # after ten both are at rounding
    found = [error(ps.solve(written_out, network=n, solver=steps, ansatz=False, progress=False), number)
             for n in (start, own.generator.target)]
    assert found[0] < 0.2 * error(own.solution(member(number)), number)
    assert found[0] < 0.01 * found[1]


def test_latents_are_found_without_the_encoder(learned):
    own, _ = learned
    problem = member(1005)
    before, z = error(own.solution(problem), 1005), own.optimised(problem, 60, latent_weight=0.0)
    assert error(own.solution(problem, z), 1005) < before
    blind = own.optimised(problem, 60, latent_weight=0.0, start=torch.zeros(8))
    assert error(own.solution(problem, blind), 1005) < 0.1
    assert float(own.optimised(problem, 20, latent_weight=1e4).norm()) < 0.1 * float(z.norm())


def test_an_autodecoder_has_a_latent_for_each_instance():
    own = space(encoder=None, instances=16)
    trained(own, 200)
    assert own.generator.table.shape == (16, 8)
    assert error(own.solution(member(3), own.generator.table[3].detach()), 3) < 0.2
    with pytest.raises(SolveError, match=r"no encoder; find a latent with space.optimised\(problem\)"):
        own.network(member(3))


@pytest.mark.parametrize("through_a_file", [True, False])
def test_a_training_that_is_cut_short_goes_on_as_if_it_had_not_been(through_a_file, tmp_path, monkeypatch):
    def settings(**more):
        return {"points": 10, "context": (4, 24), "every": 20, **more}

    whole = space(instances=16)
    expected = trained(whole, 60, **settings())
    own, step, seen = space(instances=16), Training._step, []

    def stopping(self):
        seen.append(0)
        if len(seen) == 32:
            signal.raise_signal(signal.SIGINT)  # in the middle of a step, which is finished first
        return step(self)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", stopping)
        cut = trained(own, 60, **settings(checkpoint=tmp_path / "space.h5"))
    assert cut.status.code == "interrupted" and cut.iterations == 32
    if through_a_file:
        own = Space.load(tmp_path / "space.h5", member)
    gone_on = trained(own, 60, **settings())
    assert gone_on.iterations == 60
    assert np.array_equal(gone_on.history.loss, expected.history.loss)
    assert np.array_equal(gone_on.history.measure, expected.history.measure)
    for name, value in whole.generator.state().items():
        assert torch.equal(own.generator.state()[name], value), name


def test_a_second_training_starts_from_the_best_of_the_first():
    own = space(instances=16)
    first = trained(own, 100)
    second = trained(own, 1, learning_rate=1e-12)
    assert second.history.measure[0] == pytest.approx(first.history.measure.min(), rel=1e-3)


def test_time_ends_a_training_and_the_best_is_kept():
    own = space(instances=16)
    fitted = trained(own, 100_000, max_time=0.3)
    assert fitted.status.code == "time" and 0 < fitted.iterations < 100_000
    assert len(fitted.history) >= 1


def test_the_papers_terms_pull_at_latents_and_parameters():
    sizes = []
    for latent, parameter in ((0.0, 0.0), (100.0, 0.0), (0.0, 1e4)):
        own = space(instances=16)
        trained(own, 60, latent_weight=latent, parameter_weight=parameter)
        z = own.latents(*(member(n) for n in range(16)))
        theta = own.generator.hypernetwork(z).detach()
        sizes.append((float(z.square().mean()), float(theta.square().mean())))
    assert sizes[1][0] < 0.5 * sizes[0][0]
    assert sizes[2][1] < 0.5 * sizes[0][1]


def test_a_space_is_saved_and_loaded(learned, tmp_path):
    own, _ = learned
    own.save(tmp_path / "space.h5")
    again = Space.load(tmp_path / "space.h5")
    assert torch.equal(parameter_vector(again.network(member(7))), parameter_vector(own.network(member(7))))
    with pytest.raises(SolveError, match="loaded without its family"):
        again.fit(10)
    storage.write(tmp_path / "other.h5", {"what": "checkpoint"})
    with pytest.raises(StorageError, match="holds no space of format 1"):
        Space.load(tmp_path / "other.h5")
    with pytest.raises(StorageError, match="cannot be read"):
        Space.load(tmp_path / "nothing.h5")


def test_parts_that_do_not_fit():
    with pytest.raises(SolveError, match="encoder reads 3 values at places of 1 coordinates; the family's data are 1 values"):
        space(SetEncoder(1, 3, 8))
    with pytest.raises(SolveError, match="encoder reads 1 values at places of 2 coordinates"):
        space(ConvEncoder(1, (8, 8), 8))
    with pytest.raises(SolveError, match="make it with outputs=1"):
        Space(member, ps.Siren(1, 2, 8, 1), SetEncoder(1, 1, 8))
    with pytest.raises(SolveError, match="instances=0"):
        space(instances=0)


def test_training_that_cannot_be():
    with pytest.raises(DataError, match=r"context of up to 100 points was asked for, .* has 24; give context=\(10, 24\)"):
        trained(space(), 2, context=(10, 100))
    with pytest.raises(DataError, match="data f are 0 everywhere in all of 16 instances: nothing tells them apart"):
        trained(space(family=lambda n: member(n, scale=0.0), instances=16), 2)
    with pytest.raises(DataError, match="different numbers of points"):
        trained(space(family=lambda n: member(n, 10 + n)), 2)
    for message, settings in {"iterations=0": {"iterations": 0}, "batch=-1": {"batch": -1},
                              "learning_rate=0": {"learning_rate": 0}, r"context=\(9, 3\)": {"context": (9, 3)},
                              "max_time=0": {"max_time": 0}}.items():
        with pytest.raises(SolveError, match=message):
            trained(space(), **settings)


def test_different_numbers_of_points_are_drawn_from():
    assert trained(space(family=lambda n: member(n, 10 + n % 3)), 5, points=8).iterations == 5


def test_what_is_seen_has_to_carry_the_data(learned):
    own, _ = learned
    with pytest.raises(DataError, match="has no data for f; an encoder of this space needs f at each point"):
        own.network(ps.PointSet((X,), TEST))
    with pytest.raises(DataError, match=r"latent has shape \(3,\); expected \(8,\)"):
        own.network(torch.zeros(3))


def test_contexts_are_evenly_drawn_on_a_logarithmic_scale():
    random = torch.Generator().manual_seed(0)
    places = torch.arange(1000.0)[:, None]
    sizes = [len(context(places, places, (10, 1000), random)[0]) for _ in range(400)]
    assert min(sizes) >= 10 and max(sizes) <= 1000
    assert np.mean(np.array(sizes) < 100) == pytest.approx(0.5, abs=0.08)


def test_observed_data_may_be_a_part():
    g = ps.Data("g")

    def two(number):
        (inside, boundary) = member(number).constraints
        points = inside.region
        told = dict(points.columns) | {g: points.values[:, 0]}
        return ps.Problem(inside.equation.on(ps.PointSet((X,), points.values, told)), boundary)

    assert space(family=Family(two, observed=(F,)), instances=4).observed == (F,)
