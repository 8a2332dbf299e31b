"""The frequencies that a network of layers starts with: spectra of its activations, and the band that holds most of them."""

import copy
import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from torch import Tensor

from pinnsiren.jets import Channels
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.layers import embedded

Array = NDArray[np.float64]

LINES, ALONG = 16, 1024  # along each coordinate, and points on each
HELD = 0.95  # of the spectrum's energy, within the band


def band(network: FeedForward, seed: int = 0) -> tuple[float, ...]:
    """For each coordinate the angular frequency per half-width of the box below which 95 % of the last layer's energy lies."""
    return tuple(held(along[-1]) for along in spectra(on_the_cpu(network), seed))


def on_the_cpu(network: FeedForward) -> FeedForward:
    """A copy in float64, for which nobody wants gradients."""
    return copy.deepcopy(network).to(device="cpu", dtype=torch.float64).requires_grad_(False)


def passed(network: FeedForward, places: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Pre-activations and activations of every hidden layer at points of the box scaled to [−1, 1]^d."""
    layers = network.tensors()
    value = Channels(network.inputs, ((0,) * network.inputs,))
    a = embedded(layers, places, value, ())[0] if network.circles else places
    found = []
    for weight, bias in zip(layers.weights, layers.biases, strict=True):
        z = torch.addmm(bias, a, weight.T)
        a = layers.activation.derivative(layers.activation.basis(z, 0), 0)
        found.append((z, a))
    return found


def spectra(network: FeedForward, seed: int) -> list[list[Array]]:
    """For each coordinate and layer the mean power of activations at the angular frequencies πk/2, k = 1, 2, …

    By the cosine transform of [−1, 1], which sees no jump at its ends, along lines at random places.
    """
    generator = torch.Generator().manual_seed(seed)
    fastest = float(network.tensors().weights[0].abs().max()) * (math.pi if network.circles else 1.0)
    along = min(16 * ALONG, max(ALONG, 2 ** math.ceil(math.log2(4 * fastest))))
    lines, line = max(1, LINES * ALONG // along), (2 * torch.arange(along, dtype=torch.float64) + 1) / along - 1
    found = []
    for coordinate in range(network.inputs):
        places = 2 * torch.rand(lines, 1, network.inputs, dtype=torch.float64, generator=generator).repeat(1, along, 1) - 1
        places[:, :, coordinate] = line
        modes = [fft.dct(a.numpy().reshape(lines, along, -1), axis=1, norm="ortho")
                 for _, a in passed(network, places.flatten(0, 1))]
        found.append([np.asarray((m[:, 1:] ** 2).mean(axis=(0, 2))) for m in modes])
    return found


def held(power: Array) -> float:
    """The angular frequency below which 95 % of the power lies; power[0] is that at π/2."""
    held = np.cumsum(power)
    return float(math.pi / 2 * (1 + np.searchsorted(held, HELD * held[-1]))) if held[-1] > 0 else 0.0
