"""Networks that see circles in place of periodic coordinates: the field and all of its derivatives repeat themselves."""

import pytest
import torch

from pinnsiren.errors import SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import MLP, Siren

DOUBLE = torch.float64
CHANNELS = Channels(2, ((4, 0), (2, 2), (0, 3)), (((0, 0), (1, 1)), ((0, 1),)))
WEIGHTS = (torch.tensor([[1.0], [2.0]], dtype=DOUBLE), torch.tensor([[0.5]], dtype=DOUBLE))


@pytest.mark.parametrize("kind", [Siren, MLP])
@pytest.mark.parametrize("periods", [1, -3])
def test_value_and_derivatives_repeat_along_a_periodic_coordinate_and_not_along_others(kind, periods):
    network = kind(2, 2, 12, 2, box=[(-1.0, 3.0), (0.0, 1.0)], periodic=(True, False), dtype=DOUBLE)
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(30, 2, dtype=DOUBLE, generator=generator) * torch.tensor([4.0, 1.0]) - torch.tensor([1.0, 0.0])
    here = network.jet(points, CHANNELS, WEIGHTS)
    there = network.jet(points + torch.tensor([4.0 * periods, 0.0], dtype=DOUBLE), CHANNELS, WEIGHTS)
    sizes = here.abs().amax(dim=(1, 2), keepdim=True).detach()
    assert float(((here - there) / sizes).abs().max().detach()) < 1e-11
    aside = network.jet(points + torch.tensor([0.0, 2.0], dtype=DOUBLE), CHANNELS, WEIGHTS)
    assert float(((here - aside) / sizes).abs().max().detach()) > 1e-2


def test_both_ends_of_the_box_are_one_point():
    network = Siren(1, 1, 16, 3, box=[(0.0, 2.0)], periodic=[True], dtype=DOUBLE)
    ends = network.jet(torch.tensor([[0.0], [2.0]], dtype=DOUBLE), Channels(1, ((3,),)))
    torch.testing.assert_close(ends[:, 0], ends[:, 1], rtol=1e-12, atol=1e-9)


def test_a_network_that_is_periodic_along_no_coordinate_is_the_plain_one():
    plain, none = Siren(2, 1, 8, 2), Siren(2, 1, 8, 2, periodic=(False, False))
    assert plain.spec() == none.spec()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), none.parameters(), strict=True))


@pytest.mark.parametrize("periodic", [(True,), (1, 0), "xy"])
def test_one_truth_value_for_each_input_is_asked_for(periodic):
    with pytest.raises(SolveError, match="True or False for each input"):
        Siren(2, 1, 8, 2, periodic=periodic)
