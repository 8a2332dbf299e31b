"""Frequencies that satisfy an equation by themselves, mirror images, and periodic features."""

import math

import pytest
import torch

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import Fourier, build
from pinnsiren.networks.variety import Variety

DOUBLE = torch.float64
WAVE = Variety((((0, 0, 2), -1.0), ((0, 2, 0), 0.5), ((2, 0, 0), 0.25)), (2,))
HELMHOLTZ = Variety((((0, 0), -100.0), ((0, 2), 1.0), ((2, 0), 1.0)), (0, 1))
BEAM = Variety((((0, 2), -1.0), ((4, 0), 1.0)), (1,))
ADVECTION = Variety((((0, 1), 1.0), ((1, 0), 2.0)), (1,))
LAPLACE = Variety((((0, 2), 1.0), ((2, 0), 1.0)), (0, 1))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("variety", [WAVE, HELMHOLTZ, BEAM, ADVECTION])
def test_frequencies_lie_on_the_variety(variety) -> None:
    w = variety.draw(500, [20.0] * variety.dimension, generator())
    terms = torch.stack([a * (w ** torch.tensor(orders)).prod(dim=1) for orders, a in variety.terms])
    assert w.shape == (500, variety.dimension)
    assert float((terms.sum(dim=0).abs() / terms.abs().sum(dim=0)).max()) < 1e-14


def test_directions_of_waves_are_even() -> None:
    w = HELMHOLTZ.draw(8000, (48.0, 48.0), generator())
    angles = torch.atan2(w[:, 1], w[:, 0])
    counts = torch.histc(angles, 16, -math.pi, math.pi)
    assert float((counts / 500 - 1).abs().max()) < 0.2
    assert HELMHOLTZ.extent() == pytest.approx((10.0, 10.0), rel=1e-2)
    assert WAVE.extent()[0] == math.inf


def test_both_roots_and_the_whole_band_are_drawn() -> None:
    w = WAVE.draw(2000, (30.0, 10.0, 1.0), generator())
    assert 0.4 < float((w[:, 2] > 0).double().mean()) < 0.6
    assert 28 < float(w[:, 0].abs().max()) <= 30 and 9 < float(w[:, 1].abs().max()) <= 10
    inside = (w[:, 0] / 30) ** 2 + (w[:, 1] / 10) ** 2
    assert float(inside.max()) <= 1
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.03)  # uniform in the ellipse: half of its area within 1/√2


def test_laplace_has_no_real_frequencies() -> None:
    assert not LAPLACE.exists((12.0, 12.0))
    with pytest.raises(SolveError, match="next to no real frequencies"):
        LAPLACE.draw(100, (12.0, 12.0), generator())


@pytest.mark.parametrize(("terms", "along"), [
    ((((0, 2), 1.0),), ()), ((((0, 2), 1.0),), (0,)), ((((0, 2), 1.0), ((1,), 1.0)), (1,))])
def test_a_variety_must_hold_what_it_is_solved_for(terms, along) -> None:
    with pytest.raises(SolveError, match="expected pairs"):
        Variety(terms, along)


def waves(**law) -> Fourier:
    """Features of u_tt = 4 u_xx on [0, 3] × [0, 1] with random coefficients: half-widths 3/2 and 1/2."""
    terms = [((0, 2), 1 / 0.5**2), ((2, 0), -4 / 1.5**2)]
    network = Fourier(2, 1, 40, (20.0, 5.0), variety=terms, along=(1,), box=[(0, 3), (0, 1)], dtype=DOUBLE, seed=1, **law)
    with torch.no_grad():
        network.output.weight.copy_(torch.randn(1, 40, dtype=DOUBLE, generator=generator(2)))
    return network


def test_features_on_the_variety_satisfy_the_equation() -> None:
    network, points = waves(), torch.rand(50, 2, dtype=DOUBLE, generator=generator(3))
    channels = Channels(2, ((2, 0), (0, 2)))
    jet = network.jet(points, channels).detach()
    u_xx, u_tt = jet[channels.index((2, 0))], jet[channels.index((0, 2))]
    assert float((u_tt - 4 * u_xx).abs().max()) < 1e-12 * float(u_tt.abs().max())


def test_a_share_is_on_the_variety() -> None:
    w = waves(share=0.25).layers[0].weight.detach()
    on = (w[:, 1] / 0.5).abs() - (2 * w[:, 0] / 1.5).abs()
    assert int((on.abs() < 1e-12).sum()) == 10


def test_images_of_images() -> None:
    """Odd about the middle of x, even at t = 0: each of the four images has the coefficient of the first, up to its sign."""
    network = waves(mirror=[(0, 0, -1), (1, -1, 1)])
    with torch.no_grad():
        first = network.output.weight[:, :10]
        network.output.weight.copy_(torch.cat([first, -first, first, -first], dim=1))
    points = torch.rand(30, 2, dtype=DOUBLE, generator=generator(4))
    middle = float(network.centre[0])
    for axis, plane, parity in ((0, middle, -1), (1, 0.0, 1)):
        images = points.clone()
        images[:, axis] = 2 * plane - points[:, axis]
        torch.testing.assert_close(network(images), parity * network(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("side", "parity"), [(-1, 1), (1, -1)])
def test_mirror_images_make_fields_even_or_odd(side, parity) -> None:
    network = waves(mirror=(1, side, parity))
    with torch.no_grad():
        network.output.weight[:, 20:] = parity * network.output.weight[:, :20]
    points = torch.rand(30, 2, dtype=DOUBLE, generator=generator(4))
    images = points.clone()
    images[:, 1] = {-1: 0.0, 1: 2.0}[side] - points[:, 1]
    torch.testing.assert_close(network(images), parity * network(points), rtol=0, atol=1e-12)


def test_periodic_features_repeat() -> None:
    free = Fourier(2, 1, 300, (9.0, 9.0), periodic=(True, False), box=[(1, 4), (0, 1)], dtype=DOUBLE)
    w = free.layers[0].weight[:, 0].detach() / math.pi
    assert torch.equal(w, w.round())
    counts = torch.bincount((w + 2).long())
    assert len(counts) == 5 and float((counts / 60 - 1).abs().max()) < 0.35  # −2π … 2π alike
    for network in (free, waves(periodic=(True, False))):
        with torch.no_grad():
            network.output.weight.copy_(torch.randn(network.output.weight.shape, dtype=DOUBLE, generator=generator(5)))
        points = torch.rand(30, 2, dtype=DOUBLE, generator=generator(6))
        torch.testing.assert_close(network(points + torch.tensor([3.0, 0.0])), network(points), rtol=0, atol=1e-12)


@pytest.mark.parametrize("law", [{}, {"periodic": (True, False)}, {"mirror": (1, -1, 1)},
                                 {"mirror": [(0, 0, -1), (1, -1, 1)]}, {"share": 0.5}])
def test_a_law_is_rebuilt_from_its_spec(law) -> None:
    network = waves(**law)
    again = build(*network.spec())
    for name, value in again.state_dict().items():
        if not name.startswith("output"):
            assert torch.equal(value, network.state_dict()[name])
    assert again.spec() == network.spec()


@pytest.mark.parametrize(("law", "message"), [
    ({"periodic": (True,)}, "expected True or False"), ({"mirror": (2, 1, 1)}, "a side −1 or 1"),
    ({"mirror": (1, 2, 1)}, "a side −1 or 1"), ({"mirror": [(0, 0, 1)] * 4}, "a multiple of 2"),
    ({"share": 2.0}, "a share from 0 to 1"),
    ({"interactions": 1}, "no interactions")])
def test_laws_that_contradict_themselves(law, message) -> None:
    with pytest.raises(SolveError, match=message):
        waves(**law)
