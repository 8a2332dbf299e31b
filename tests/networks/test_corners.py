"""Singular functions of corners: their jets against autodiff, their mirror images, their cut, and what is at the vertex."""

import itertools
import math

import pytest
import torch

import pinnsiren as ps
from pinnsiren.jets import Channels
from pinnsiren.networks import Cornered, Fourier, build
from pinnsiren.networks.corners import CornerFunction

FUNCTIONS = [CornerFunction((-1.0, -1.0), math.pi / 4, 2.0, 1, True, 1.5),
             CornerFunction((0.0, 0.0), math.pi / 4, 2 / 3, 2, False, 1.2, 0.7)]
BOX = [(-1, 1), (-1, 1)]


def network(functions=FUNCTIONS, mirror=()):
    return Cornered(Fourier(2, 1, 8, 4.0, mirror=mirror, box=BOX, dtype=torch.float64), functions)


def places(count=20):
    return 0.1 + 0.8 * torch.rand(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def written_out(f, x, y):
    """Real and imaginary part of ζ^a (log ζ)^c z̄^b as the docstring has it."""
    turn = complex(math.cos(f.bisector), -math.sin(f.bisector)) / f.length
    z = (torch.complex(x, y) - complex(*f.vertex)) * turn
    zeta = z / (1 + f.length / f.cut * z)
    value = zeta**f.power * (torch.log(zeta) if f.logarithm else 1) * z.conj() ** f.conjugate
    return value.real, value.imag


def test_jets_are_those_of_autodiff() -> None:
    channels = Channels(2, ((0, 0), (4, 0), (3, 1), (2, 2), (0, 3)), (((0, 0), (1, 1)), ((0, 1),)))
    weights = [torch.tensor([[2.0], [3.0]], dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)]
    points = places()
    hidden = network().hidden(points, channels, weights)
    x, y = (points[:, i].clone().requires_grad_() for i in (0, 1))
    columns = zip(*[written_out(f, x, y) for f in FUNCTIONS], strict=True)
    for place, column in enumerate(itertools.chain(*columns), start=8):
        for orders in channels.carried:
            expected = column
            for coordinate, count in zip((x, y), orders, strict=True):
                for _ in range(count):
                    expected, = torch.autograd.grad(expected.sum(), coordinate, create_graph=True)
            torch.testing.assert_close(hidden[channels.index(orders), :, place], expected.detach(), rtol=1e-9, atol=1e-9)
    laplacian = 2 * hidden[channels.index((2, 0))] + 3 * hidden[channels.index((0, 2))]
    torch.testing.assert_close(hidden[channels.operator_index(0)], laplacian)
    torch.testing.assert_close(hidden[channels.operator_index(1)], hidden[channels.index((1, 1))])


def test_those_without_a_conjugate_are_harmonic() -> None:
    channels = Channels(2, ((0, 0),), (((0, 0), (1, 1)),))
    functions = [CornerFunction((0.0, 0.0), 0.3, a, 0, log, 1.0, cut) for a in (0.5, 2.0) for log in (True, False)
                 for cut in (0.4, math.inf)]
    hidden = network(functions).hidden(places(), channels, [torch.ones(2, 1, dtype=torch.float64)])[..., 8:]
    assert float(hidden[-1].abs().max()) < 1e-12 * float(hidden[0].abs().max()) + 1e-11


def test_images_are_the_functions_at_mirrored_places() -> None:
    net = network(mirror=[(0, 0, 1), (1, 1, -1)])
    value = Channels(2, ((0, 0),))
    parts = net.hidden(places(), value)[0].unflatten(1, (4, -1))
    for number, (turned, about) in enumerate([((1, 1), (0, 0)), ((-1, 1), (0, 0)), ((1, -1), (0, 2)), ((-1, -1), (0, 2))]):
        elsewhere = places() * torch.tensor(turned) + torch.tensor(about)
        expected = torch.cat([torch.stack(column, dim=1) for column in
                              zip(*[written_out(f, *elsewhere.unbind(1)) for f in FUNCTIONS], strict=True)], dim=1)
        torch.testing.assert_close(parts[:, number, 2:], expected, rtol=1e-9, atol=1e-12)  # after two sines


def test_the_cut_is_a_segment_that_ends_where_it_is_told() -> None:
    value, base = Channels(2, ((0, 0),)), 8
    net = network([CornerFunction((0.0, 0.0), 0.0, 0.5, 0, False, 1.0, 0.4)])

    def jump(place):
        beside = torch.tensor([[place, 1e-9], [place, -1e-9]], dtype=torch.float64)
        above, below = net.hidden(beside, value)[0, :, base:]
        return float((above - below).abs().max())

    assert jump(-0.2) > 0.5
    assert jump(-0.8) < 1e-7
    assert jump(0.5) < 1e-7


@pytest.mark.parametrize(("dtype", "nothing"), [(torch.float64, 1e-30), (torch.float32, 1e-8)])
def test_values_at_the_vertex_are_zero_and_finite(dtype, nothing) -> None:
    at = torch.tensor([[0.0, 0.0], [-1.0, -1.0]], dtype=dtype)
    hidden = network().to(dtype).hidden(at, Channels(2, ((0, 0),)))[0, :, 8:]
    assert bool(torch.isfinite(hidden).all())
    assert float(hidden[0, [1, 3]].abs().max()) < nothing
    assert float(hidden[1, [0, 2]].abs().max()) < nothing


def test_rows_are_the_gradient_of_the_jet() -> None:
    net = network(mirror=[(0, 0, 1)])
    assert [name for name, _ in net.named_parameters()] == ["output.weight", "output.bias"]
    torch.nn.init.normal_(net.output.weight, generator=torch.Generator().manual_seed(1))
    channels, points = Channels(2, ((1, 0), (0, 2))), places(3)
    trace = net.trace(points, channels)
    torch.testing.assert_close(trace.jet, net.jet(points, channels).detach())
    cotangent = torch.rand(trace.jet.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    rows = trace.pullback(cotangent)
    for n in range(3):
        gradient = torch.autograd.grad((net.jet(points, channels)[:, n] * cotangent[:, n]).sum(), list(net.parameters()))
        torch.testing.assert_close(rows[n], torch.cat([g.flatten() for g in gradient]))


def test_a_spec_rebuilds_the_features() -> None:
    net = network(mirror=[(1, 0, -1)])
    again = build(*net.spec())
    again.load_state_dict(net.state_dict())
    channels = Channels(2, ((2, 1),))
    torch.testing.assert_close(again.hidden(places(), channels), net.hidden(places(), channels))


@pytest.mark.parametrize("function", [CornerFunction((0.0, 0.0), 0.0, 0.0), CornerFunction((0.0, 0.0), 0.0, 1.0, -1),
                                      CornerFunction((0.0, 0.0), 0.0, 1.0, length=0.0)])
def test_functions_that_make_no_sense_are_refused(function) -> None:
    with pytest.raises(ps.SolveError, match="powers, lengths and cuts are positive"):
        network([function])


def test_a_base_of_three_inputs_is_refused() -> None:
    with pytest.raises(ps.SolveError, match="a base of 3 inputs"):
        Cornered(Fourier(3, 1, 8, 4.0), FUNCTIONS)
