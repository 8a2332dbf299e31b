"""Encodings: their formulas, and the networks made of them."""

import numpy as np
import pytest
import torch

from pinnsiren.errors import SolveError
from pinnsiren.networks.encodings import PositionalEncoding, RadialEncoding, rectified


def test_positional_encoding_is_its_formula() -> None:
    encoding = PositionalEncoding(2, 3, box=[(0, 4), (-1, 1)])
    x = torch.tensor([[3.0, 0.25]])
    scaled = np.array([0.5, 0.25])
    z = np.outer(scaled, np.pi * 2.0 ** np.arange(3)).ravel()
    expected = np.concatenate([scaled, np.sin(z), np.cos(z)])
    np.testing.assert_allclose(encoding(x).numpy()[0], expected, atol=1e-6)
    assert encoding.outputs == len(expected)


def test_radial_functions_are_bumps_about_their_centres() -> None:
    encoding = RadialEncoding(2, 50, sharpness=4.0, box=[(0, 2), (0, 2)], seed=1)
    with torch.no_grad():
        at_centres = encoding(encoding.centres + 1)
        away = encoding(encoding.centres + 1 + torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(at_centres.diagonal(), torch.ones(50))
    torch.testing.assert_close(away.diagonal(), torch.full((50,), np.exp(-1.0), dtype=torch.float32))


def test_networks_are_the_same_for_a_seed_and_learn_everything() -> None:
    one, same, other = (rectified(RadialEncoding(1, 16, seed=s), 2, 8, 2, seed=s) for s in (0, 0, 1))
    x = torch.linspace(-1, 1, 5)[:, None]
    assert torch.equal(one(x), same(x)) and not torch.equal(one(x), other(x))
    one(x).square().sum().backward()
    assert all(p.grad is not None for p in one.parameters())
    with pytest.raises(SolveError, match="octaves=0"):
        PositionalEncoding(1, 0)
