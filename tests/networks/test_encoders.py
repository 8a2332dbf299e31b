"""Encoders: what they see does not depend on its order, and lies where it should."""

import math

import pytest
import torch

from pinnsiren.errors import DataError, SolveError, StorageError
from pinnsiren.networks.encoders import ConvEncoder, Seen, SetEncoder, encoder

ENCODERS = {"set": lambda: SetEncoder(2, 3, 8, 16, seed=1), "conv": lambda: ConvEncoder(3, (6, 5), 8, 4, seed=1)}


def things(count, seed=0):
    random = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, 2, generator=random) - 1, torch.randn(count, 3, generator=random)


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_order_of_what_is_seen_makes_no_difference_and_neither_do_neighbours(kind):
    own = ENCODERS[kind]()
    (places, values), other = things(40), things(7, seed=2)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(3))
    together = own(Seen.of([(places, values), other]))
    alone = own(Seen.of([(places[order], values[order])]))
    assert torch.allclose(alone[0], together[0], rtol=1e-4, atol=1e-5)
    assert torch.allclose(own(Seen.of([other]))[0], together[1], rtol=1e-4, atol=1e-5)
    changed = values.clone()
    changed[7] += 1
    assert not torch.allclose(own(Seen.of([(places, changed)]))[0], together[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[1], together[0], rtol=1e-2)


def test_a_grid_holds_means_of_what_lies_in_its_cells():
    own = ConvEncoder(1, (6, 4), 8, 4, box=[[0.0, 6.0], [0.0, 4.0]])
    places = torch.tensor([[0.5, 0.5], [5.5, 0.5], [5.9, 0.1], [6.0, 4.0], [2.5, 3.5]])
    values = torch.tensor([[1.0], [2.0], [4.0], [7.0], [-1.0]])
    grid = own.rasterised(Seen.of([(places[:3], values[:3]), (places[3:], values[3:])]))
    expected = torch.zeros(2, 2, 4, 6)
    for instance, row, column, value in [(0, 0, 0, 1.0), (0, 0, 5, 3.0), (1, 3, 5, 7.0), (1, 3, 2, -1.0)]:
        expected[instance, :, row, column] = torch.tensor([value, 1.0])
    assert torch.equal(grid, expected)


def test_the_fit_finds_the_coefficients_of_cosines():
    own = SetEncoder(2, 1, 8, 16, frequencies=4)
    places, _ = things(400)
    xi = math.pi / 2 * (places + 1)
    values = (0.7 * torch.cos(2 * xi[:, 0]) * torch.cos(3 * xi[:, 1]) - 0.2)[:, None]
    found = own.coefficients(Seen.of([(places, values)]), places)[0] / math.sqrt(len(own.orders))
    expected = torch.tensor([{(2, 3): 0.7, (0, 0): -0.2}.get((int(a), int(b)), 0.0) for a, b in own.orders])
    assert (found - expected).abs().max() < 0.05  # the ridge takes (1 + 13) 4e-3 off the largest
    assert int((own.orders.square().sum(1) <= 16).all()) == 1


def test_bad_input():
    own = ENCODERS["conv"]()
    with pytest.raises(DataError, match=r"places outside of its box \[\[-1.0, 1.0\], \[-1.0, 1.0\]\]"):
        own(Seen.of([(torch.tensor([[0.0, 1.2]]), torch.zeros(1, 3))]))
    with pytest.raises(DataError, match="nothing is seen of instance 1"):
        ENCODERS["set"]()(Seen.of([things(3), (torch.zeros(0, 2), torch.zeros(0, 3))]))
    with pytest.raises(SolveError, match="grid of 3 × 8 cells; expected at least 4 × 4"):
        ConvEncoder(1, (3, 8))
    with pytest.raises(SolveError, match="frequencies=0"):
        SetEncoder(2, 1, frequencies=0)
    with pytest.raises(StorageError, match="encoder 'Transformer' is not known; expected one of ConvEncoder, SetEncoder"):
        encoder("Transformer", {})
    with pytest.raises(StorageError, match="cannot be built from"):
        encoder("SetEncoder", {"depth": 3})


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_is_built_again_from_what_it_says_of_itself(kind):
    own = ENCODERS[kind]()
    again = encoder(*own.spec())
    assert torch.equal(again(Seen.of([things(9)])), own(Seen.of([things(9)])))
