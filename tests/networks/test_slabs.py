"""Networks in slabs: which network speaks where, jets and rows against automatic differentiation, files, refusals."""

import json

import pytest
import torch

from pinnsiren.errors import SolveError, StorageError
from pinnsiren.jets import Channels
from pinnsiren.networks import MLP, Fourier, Siren, Slabs, build

DOUBLE = torch.float64
CHANNELS = Channels(2, ((1, 0), (0, 1)), (((0, 0), (1, 1)),))


def network():
    box = [(0.0, 1.0), (0.0, 3.0)]
    pieces = [Siren(2, 2, 5, 2, box=box, omega0=3.0, dtype=DOUBLE), MLP(2, 2, 4, 1, box=box, dtype=DOUBLE),
              Siren(2, 2, 6, 1, box=box, periodic=(True, False), dtype=DOUBLE)]
    return Slabs(1, [0.0, 0.5, 2.0, 3.0], pieces)


def draw(*shape, seed=0):
    return torch.rand(*shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


POINTS = draw(20, 2) * torch.tensor([1.0, 3.0])
WEIGHTS = (draw(2, 20, seed=1),)


def test_each_slab_has_its_own_network_and_an_edge_belongs_to_the_later_one():
    made = network()
    times = torch.tensor([-1.0, 0.0, 0.4, 0.5, 1.9, 2.0, 3.0, 9.0], dtype=DOUBLE)
    points = torch.stack([torch.full_like(times, 0.3), times], dim=1)
    assert made.locate(points).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    expected = torch.cat([made.pieces[k](points[i:i + 1]) for i, k in enumerate([0, 0, 0, 1, 1, 2, 2, 2])])
    torch.testing.assert_close(made(points), expected, rtol=1e-13, atol=1e-14)


def test_jets_are_those_of_the_pieces_with_their_own_coefficients():
    made = network()
    jet = made.jet(POINTS, CHANNELS, WEIGHTS)
    for i, k in enumerate(made.locate(POINTS).tolist()):
        own = made.pieces[k].jet(POINTS[i:i + 1], CHANNELS, (WEIGHTS[0][:, i:i + 1],))
        torch.testing.assert_close(jet[:, i:i + 1], own, rtol=1e-12, atol=1e-12)


def test_rows_and_gradient_agree():
    made = network()
    cotangent = draw(len(CHANNELS), 20, 2, seed=2)
    trace = made.trace(POINTS, CHANNELS, WEIGHTS)
    jet = made.jet(POINTS, CHANNELS, WEIGHTS)
    torch.testing.assert_close(trace.jet, jet.detach(), rtol=1e-12, atol=1e-12)
    rows = trace.pullback(cotangent)
    for i in (0, 7):
        gradient = torch.autograd.grad((jet * cotangent)[:, i].sum(), list(made.parameters()), retain_graph=True,
                                       allow_unused=True, materialize_grads=True)
        torch.testing.assert_close(rows[i], torch.cat([g.flatten() for g in gradient]), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("count", [0, 1])
def test_few_points_or_none(count):
    made = network()
    weights = (torch.ones(2, 1, dtype=DOUBLE),)
    assert made.jet(POINTS[:count], CHANNELS, weights).shape == (4, count, 2)
    rows = made.trace(POINTS[:count], CHANNELS, weights).pullback(torch.ones(4, count, 2, dtype=DOUBLE))
    assert rows.shape == (count, sum(p.numel() for p in made.parameters()))


def test_specs_build_their_like():
    made = network()
    kind, arguments = made.spec()
    again = build(kind, json.loads(json.dumps(arguments)))
    again.load_state_dict(made.state_dict())
    assert again.spec() == made.spec()
    assert torch.equal(again(POINTS), made(POINTS))


@pytest.mark.parametrize(("arguments", "message"), [
    ((1, [0, 1], [Siren(2, 1, 4, 1), Siren(2, 1, 4, 1)]), "expected 3 increasing numbers"),
    ((1, [0, 2, 1], [Siren(2, 1, 4, 1), Siren(2, 1, 4, 1)]), "expected 3 increasing numbers"),
    ((2, [0, 1], [Siren(2, 1, 4, 1)]), "expected a place among its 2 inputs"),
    ((0, [0, 1, 2], [Siren(2, 1, 4, 1), Fourier(3, 1, 4, 1.0)]), "2 kinds of inputs"),
    ((0, [0], []), "0 kinds of inputs"),
])
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(SolveError, match=message):
        Slabs(*arguments)


def test_a_piece_of_an_unknown_kind_is_refused():
    with pytest.raises(StorageError, match="not known"):
        build("Slabs", {"coordinate": 0, "edges": [0.0, 1.0], "networks": [["Sirene", {}]]})
