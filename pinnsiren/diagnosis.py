"""What a network's initial values do: activations, gradients and spectra layer by layer, against what theory expects.

For a SIREN with V = ω0 W, Var V = g/n and Var e = ω0² β²/3n, β the factor of the biases, pre-activations z_l are close to
normal with variances s_l, and sin z_l close to arcsine-distributed:

    s_{l+1} = g (1 − e^{−2 s_l}) / 2 + ω0² β²/(3n),      E |∂Φ/∂a_{l−1}|² / E |∂Φ/∂a_l|² = g (1 + e^{−2 s_l}) / 2,

since sin of a normal number of variance s has the variance (1 − e^{−2s})/2, and cos² the mean (1 + e^{−2s})/2. The paper's
g = 2 has the fixed point s = 0.797 (standard deviation 0.893) without biases, and gradients that grow by 1.2 in variance a
layer; g = 1 has s → 0 and gradients that keep their size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from pinnsiren.activations import Sine
from pinnsiren.errors import SolveError
from pinnsiren.networks import Siren
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.siren import GAINS
from pinnsiren.networks.spectrum import held, on_the_cpu, passed, spectra
from pinnsiren.problem import Problem
from pinnsiren.solvers.bands import length_scales, signal_scales

Array = NDArray[np.float64]

POINTS = 4096
PAIRS = 200_000  # of a point and a neuron that distributions are taken from: a distance to a law is then good to 0.003
TWICE = 2.0  # a root-mean-square frequency times this is about where 95 % of the energy has been
STEPS, CLOSE = 8, 0.1  # on the way to a first layer's frequency; a logarithm that is near enough
TOO_NARROW, TOO_WIDE = 0.5, 8.0  # of the network's band against what is needed


@dataclass(frozen=True, eq=False)
class LayerReport:
    """One hidden layer.

    Attributes:
        spread: standard deviation of z; and what theory expects, or None where there is none.
        normal, arcsine: Kolmogorov–Smirnov distances, of z to the normal law of its own spread and of f(z) to the arcsine law.
        gradient: root mean square of ∂Φ/∂a, over that of the last layer; and what theory expects.
        band: for each coordinate the angular frequency per half-width of the box below which 95 % of f(z)'s energy lies.
        preactivations, activations, gradients: samples, for pictures.
        spectra: for each coordinate the mean power at the angular frequencies πk/2, k = 1, 2, …
    """

    spread: float
    expected_spread: float | None
    normal: float
    arcsine: float
    gradient: float
    expected_gradient: float | None
    band: tuple[float, ...]
    preactivations: Array
    activations: Array
    gradients: Array
    spectra: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A network at its present values, layer by layer.

    Attributes:
        name: of the network.
        layers: from the first hidden layer to the last.
        needed: for each coordinate the band that was asked for; None where nothing was.
        omega0: of the first layer, which would give the band that is needed; None for networks without, or where nothing was
            asked for.
    """

    name: str
    layers: tuple[LayerReport, ...]
    needed: tuple[float, ...] | None
    omega0: float | None

    @property
    def band(self) -> tuple[float, ...]:
        """Of the last hidden layer, of which the fields are made: angular frequency per half-width, for each coordinate."""
        return self.layers[-1].band

    @property
    def advice(self) -> tuple[str, ...]:
        """Sentences on what to change; none where nothing speaks for it."""
        found = []
        if self.needed is not None:
            shares = [have / need for have, need in zip(self.band, self.needed, strict=True) if need > 0]
            start = "" if self.omega0 is None else f"; omega0={self.omega0:.3g} in the first layer would start there"
            if shares and min(shares) < TOO_NARROW:
                found.append(f"the network starts with frequencies up to {min(shares):.2g} of what is needed, and finds "
                             f"higher ones slowly or never{start}.")
            elif shares and min(shares) > TOO_WIDE:
                found.append(f"the network starts with frequencies {min(shares):.2g} times as high as needed: between the "
                             f"points that it is fitted at it will not be smooth{start}.")
        gradients = [layer.gradient for layer in self.layers]
        if max(gradients) > 10 * min(gradients):
            found.append(f"gradients differ by {max(gradients) / min(gradients):.2g} between layers, so that some learn and "
                         'others do not. Fewer layers, or Siren(initialisation="gradient").')
        return tuple(found)

    def __str__(self) -> str:
        head = "layer   std z (theory)    to normal   to arcsine   gradient (theory)   band, rad per half-width"
        lines = [self.name, head]
        for number, layer in enumerate(self.layers, start=1):
            band = " ".join(f"{b:.3g}" for b in layer.band)
            lines.append(f"{number:5d}   {layer.spread:5.3f} {_told(layer.expected_spread)}   {layer.normal:9.3f}   "
                         f"{layer.arcsine:10.3f}   {layer.gradient:8.3f} {_told(layer.expected_gradient)}   {band}")
        if self.needed is not None:
            lines.append("needed: " + " ".join(f"{n:.3g}" for n in self.needed))
        return "\n".join([*lines, *self.advice])

    def plot(self) -> Figure:
        """Histograms of z and f(z) with the laws that theory expects, of gradients, and spectra: a row for each layer."""
        figure = Figure(figsize=(13, 2.2 * len(self.layers)), layout="constrained")
        axes = figure.subplots(len(self.layers), 4, squeeze=False)
        for row, (number, layer) in zip(axes, enumerate(self.layers, start=1), strict=True):
            _draw(row, layer, number)
        for axis, title in zip(axes[0], ("pre-activation z", "activation", "gradient ∂Φ/∂a", "spectrum"), strict=True):
            axis.set_title(title)
        axes[-1, 3].set_xlabel("angular frequency per half-width")
        figure.suptitle(self.name)
        return figure


def diagnose(network: FeedForward, need: Problem | Sequence[float] | Any = None, *, points: int = POINTS,
             seed: int = 0) -> Diagnosis:
    """Look at a network's layers at evenly spread points of its box.

    Args:
        network: a Siren, MLP or Fourier.
        need: what the network is for: a problem, whose known functions, waves and data on grids have a band; an image, a sound
            or a video; or angular frequencies per half-width, one for each coordinate.
        points: at which distributions are taken; dimensionless.
        seed: of the points.

    Raises:
        SolveError: a network that is not made of layers, or a need of another number of coordinates.
    Reference: Sitzmann et al., NeurIPS 2020, supplement, sec. 1, whose figure :meth:`Diagnosis.plot` draws.
    """
    if not isinstance(network, FeedForward):
        raise SolveError(f"{type(network).__name__} has no layers to look at; give a Siren, MLP or Fourier.")
    needed = _needed(need, network.inputs)
    twin = on_the_cpu(network)
    layers = _layers(twin, points, seed)
    omega0 = None
    if needed is not None and isinstance(network, Siren):
        assert network.omega0 is not None
        omega0 = abs(float(network.omega0[0])) * _factor(twin, needed, seed)
    kind, arguments = network.spec()
    shown = ", ".join(f"{k}={arguments[k]}" for k in ("width", "layers", "activation", "initialisation") if k in arguments)
    return Diagnosis(f"{kind}({shown})", layers, needed, omega0)


def _needed(need: Problem | Sequence[float] | Any, inputs: int) -> tuple[float, ...] | None:
    """The band of what a network is for."""
    if need is None:
        return None
    if isinstance(need, Problem):
        scales = length_scales(need)
        data = [signal_scales(c) for c in need.constraints]
        found = tuple(max(TWICE * scales.get(c, 0.0), *(d.get(c, 0.0) for d in data)) for c in need.coordinates)
    else:
        found = tuple(float(b) for b in getattr(need, "band", need))
    if len(found) != inputs or not all(math.isfinite(b) and b >= 0 for b in found):
        raise SolveError(f"what the network is for has the band {found}, and its box {inputs} coordinates; give one angular "
                         "frequency >= 0 for each.")
    return found


def _factor(network: FeedForward, needed: Sequence[float], seed: int) -> float:
    """On the first layer's frequency, so that the last layer's band comes to what is needed; the network is changed.

    The band grows more slowly than the factor as long as the next layers are nearly linear, so it is found step by step.
    """
    factor = 1.0
    for _ in range(STEPS):
        bands = [held(along[-1]) for along in spectra(network, seed)]
        change = max((n / b for n, b in zip(needed, bands, strict=True) if n > 0 and b > 0), default=1.0)
        if abs(math.log(change)) < CLOSE:
            break
        factor *= change
        for parameter in network.layers[0].parameters():
            parameter.mul_(change)
    return factor


def _layers(network: FeedForward, count: int, seed: int) -> tuple[LayerReport, ...]:
    generator = torch.Generator().manual_seed(seed)
    values = passed(network, 2 * torch.rand(count, network.inputs, dtype=torch.float64, generator=generator) - 1)
    gradients, powers = _gradients(network, values), spectra(network, seed)
    spreads, sizes = _expected(network)
    last = float(gradients[-1].square().mean()) or 1.0  # 0 for a network whose output is not drawn but solved for
    found = []
    for i, (z, a) in enumerate(values):
        some = torch.randperm(z.numel(), generator=generator)[:PAIRS]
        pre, act, slope = (v.flatten()[some].numpy() for v in (z, a, gradients[i]))
        normal, arcsine = stats.norm(pre.mean(), pre.std()), stats.arcsine(-1, 2)
        found.append(LayerReport(
            spread=float(z.std()), expected_spread=spreads[i], normal=_distance(pre, normal),
            arcsine=_distance(act, arcsine), expected_gradient=sizes[i],
            gradient=math.sqrt(float(gradients[i].square().mean()) / last), band=tuple(held(along[i]) for along in powers),
            preactivations=pre, activations=act, gradients=slope, spectra=tuple(along[i] for along in powers)))
    return tuple(found)


def _distance(values: Array, law: Any) -> float:
    """Kolmogorov–Smirnov; its probability, which nobody asks for, would take most of the time if it were to be exact."""
    return float(stats.kstest(values, law.cdf, method="asymp").statistic)


def _gradients(network: FeedForward, values: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """∂Φ/∂a of every hidden layer, (points · outputs, width)."""
    layers = network.tensors()
    slopes = network.output.weight.expand(len(values[-1][0]), -1, -1)  # (points, outputs, width)
    found = [slopes.flatten(0, 1)]
    for (z, _), weight in zip(reversed(values[1:] if len(values) > 1 else ()), reversed(layers.weights), strict=False):
        bent = layers.activation.derivative(layers.activation.basis(z, 1), 1)
        slopes = (slopes * bent[:, None]) @ weight
        found.append(slopes.flatten(0, 1))
    return found[::-1]


def _expected(network: FeedForward) -> tuple[list[float | None], list[float | None]]:
    """Standard deviations of z and gradients over the last layer's, by the recursion above; None where it does not hold."""
    count = len(network.layers)
    nothing: list[float | None] = [None] * count
    if not isinstance(network, Siren) or not isinstance(network.activation, Sine) or network.circles or network.omega0 is None:
        return nothing, nothing
    settings = network.settings
    if any(settings["noise"]):
        return nothing, nothing
    width, gain = settings["width"], GAINS[settings["initialisation"]] / 3
    beta = settings["initial_bias"]
    later = 0.0 if settings["initialisation"] == "gradient" else beta
    first, *others = [float(omega) ** 2 for omega in network.omega0]
    d = network.inputs
    variances = [first * (1 / (9 * d) + beta**2 / (3 * d))]
    for omega in others:
        variances.append(gain * (1 - math.exp(-2 * variances[-1])) / 2 + omega * later**2 / (3 * width))
    ratios = [gain * (1 + math.exp(-2 * s)) / 2 for s in variances[1:]]
    gradients = [math.sqrt(math.prod(ratios[i:])) for i in range(count)]
    return [math.sqrt(s) for s in variances], list(gradients)


def _told(value: float | None) -> str:
    return "       " if value is None else f"({value:5.3f})"


def _draw(axes: Sequence[Any], layer: LayerReport, number: int) -> None:
    """One row of the picture."""
    z, a, gradient, spectrum = axes
    z.hist(layer.preactivations, bins=120, density=True, color="0.75")
    spread = layer.expected_spread or layer.spread
    line = np.linspace(-4 * spread, 4 * spread, 200)
    z.plot(line, stats.norm(0, spread).pdf(line), color="C3", linewidth=1)
    z.set_ylabel(f"layer {number}")
    a.hist(layer.activations, bins=120, density=True, color="0.75")
    if layer.expected_spread is not None:
        inner = np.linspace(-0.995, 0.995, 400)
        a.plot(inner, stats.arcsine(-1, 2).pdf(inner), color="C3", linewidth=1)
    gradient.hist(layer.gradients, bins=120, density=True, color="0.75")
    for i, (power, band) in enumerate(zip(layer.spectra, layer.band, strict=True)):
        frequencies = math.pi / 2 * np.arange(1, len(power) + 1)
        spectrum.loglog(frequencies, power, color=f"C{i}", linewidth=1)
        spectrum.axvline(band, color=f"C{i}", linestyle=":", linewidth=1)
