"""SIREN: sine layers with a frequency factor and the initialisation that keeps their statistics at every depth."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pinnsiren.activations import Activation, Finer, Sine
from pinnsiren.errors import SolveError
from pinnsiren.networks.feedforward import FeedForward
from pinnsiren.networks.initialisation import centre_and_half_width, linear, periodic_places, require_sizes, uniform

Initialisation = Literal["siren", "gradient"]
GAINS = {"siren": 6.0, "gradient": 3.0}  # c² of W ~ U(±c/√n)/ω0 in all layers but the first


class Siren(FeedForward):
    """sin(ω0 (W x + b)) in every hidden layer, and a linear output.

    First layer W ~ U(±1/d); hidden layers and output W ~ U(±√(6/n)/ω0); biases U(±1/√n), n being the fan-in. With
    them pre-activations are close to normal and activations to arcsine-distributed at every depth.

    Args:
        inputs, outputs: numbers of coordinates and of fields.
        width: neurons a layer.
        layers: number of *sine* layers; the paper's "3 hidden layers" are 4.
        omega0: ω0 of all layers, or one for each; not 0. The output's initial values take the last.
        learnable_omega0: make them parameters.
        box: bounds (d, 2); coordinates are scaled so that it becomes [−1, 1]^d. None leaves them as they are.
        initial_bias: factor of the biases' initial bound; 0 starts without biases.
        activation: "sine", or "finer", sin(ω0 (|z| + 1) z), for signals: its second derivative jumps, and ω0 has to be one for
            all layers.
        initialisation: "siren", the paper's; or "gradient", hidden layers and output W ~ U(±√(3/n)/ω0) without biases
            there: gradients neither grow nor vanish in deep networks, and the spectrum does not widen with depth.
        noise: (s_0, s_1), standard deviations of normal noise on ω0 W in the first two layers, which widen the initial
            spectrum; :func:`noise_for_sound` chooses them for a sound.
        periodic: coordinates along which the field repeats itself when x̂ ∈ [−1, 1] does, one truth value for each; there
            the first layer sees (cos πx̂, sin πx̂). None for none.
        seed, dtype, device: of the parameters.

    Raises:
        SolveError: a size below 1, or frequencies that do not fit. DomainError: bounds that are none.
    Reference:
        Sitzmann et al., Implicit Neural Representations with Periodic Activation Functions, NeurIPS 2020, sec. 3.2;
        first-layer bound as in the authors' code (the text misprints it). Combette, Venaille & Pustelnik, arXiv 2512.06427
        ("gradient"). Chandravamsi et al., arXiv 2509.09719 (the noise).
    """

    def __init__(self, inputs: int, outputs: int, width: int = 256, layers: int = 4, *,
                 omega0: float | Sequence[float] = 30.0, learnable_omega0: bool = False,
                 box: Sequence[Sequence[float]] | Tensor | None = None, initial_bias: float = 1.0,
                 periodic: Sequence[bool] | None = None, activation: Literal["sine", "finer"] = "sine",
                 initialisation: Initialisation = "siren", noise: tuple[float, float] = (0.0, 0.0), seed: int = 0,
                 dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        super().__init__()
        require_sizes("Siren", inputs=inputs, outputs=outputs, width=width, layers=layers)
        omegas = _frequencies(omega0, layers)
        _require_known(activation, initialisation, noise, omegas)
        self.inputs, self.outputs, self._settings = inputs, outputs, {
            "width": width, "layers": layers, "initial_bias": float(initial_bias), "activation": activation,
            "initialisation": initialisation, "noise": list(map(float, noise)), "seed": seed}
        self._activation: Activation = Finer(abs(omegas[0])) if activation == "finer" else Sine()
        self.circles = periodic_places("Siren", periodic, inputs)
        generator = torch.Generator().manual_seed(seed)
        fans = [inputs + len(self.circles)] + [width] * layers
        scale, later_bias = math.sqrt(GAINS[initialisation] / width), 0.0 if initialisation == "gradient" else initial_bias
        bounds = [1 / fans[0]] + [scale / omega for omega in omegas[1:]]
        biases = [initial_bias] + [later_bias] * (layers - 1)
        hidden = [_layer(width, fan, bound, bias, generator) for fan, bound, bias in zip(fans, bounds, biases, strict=False)]
        self.layers = nn.ModuleList(hidden)
        self.output = _layer(outputs, width, scale / omegas[-1], later_bias, generator)
        with torch.no_grad():
            for layer, spread, omega in zip(hidden, noise, omegas, strict=False):
                if spread:
                    drawn = torch.randn(layer.weight.shape, dtype=torch.float64, generator=generator)
                    layer.weight += spread / abs(omega) * drawn
        frequencies = torch.tensor(omegas, dtype=torch.float64)
        if learnable_omega0:
            self.omega0 = nn.Parameter(frequencies)
        else:
            self.register_buffer("omega0", frequencies)
        centre, half_width = centre_and_half_width(box, inputs)
        self.register_buffer("centre", centre)
        self.register_buffer("half_width", half_width)
        self.to(dtype=dtype, device=device)

    @property
    def activation(self) -> Activation:
        return self._activation

    def spec(self) -> tuple[str, dict[str, Any]]:
        assert self.omega0 is not None
        return "Siren", {
            "inputs": self.inputs, "outputs": self.outputs, "omega0": self.omega0.tolist(),
            "learnable_omega0": isinstance(self.omega0, nn.Parameter), "periodic": self.repeats, **self._settings,
            **self.common_spec()}

    @property
    def settings(self) -> dict[str, Any]:
        """How its initial values were drawn."""
        return dict(self._settings)


def noise_for_sound(centroid: float, channels: int = 1) -> tuple[float, float]:
    """The noise that widens a SIREN's initial spectrum to a sound's: s_0 = 3500 (1 − exp(−7 ψ)), s_1 = 3 ψ.

    Args:
        centroid: the mean frequency of the sound's amplitude spectrum, over the highest; ψ is it over the number of channels.

    Reference: Chandravamsi et al., arXiv 2509.09719.
    """
    share = centroid / channels
    return 3500 * (1 - math.exp(-7 * share)), 3 * share


def _require_known(activation: str, initialisation: str, noise: Sequence[float], omegas: Sequence[float]) -> None:
    if activation not in ("sine", "finer") or initialisation not in GAINS:
        raise SolveError(f"Siren(activation={activation!r}, initialisation={initialisation!r}) is not known; activations are "
                         f"sine and finer, initialisations {', '.join(GAINS)}.")
    if activation == "finer" and len({abs(omega) for omega in omegas}) > 1:
        raise SolveError(f'Siren(activation="finer") was given omega0={list(omegas)}; expected one for all layers.')
    if len(noise) != 2 or not all(math.isfinite(s) and s >= 0 for s in noise):
        raise SolveError(f"Siren was given noise={noise!r}; expected two numbers >= 0, for the first and the second layer.")


def _frequencies(omega0: float | Sequence[float], layers: int) -> list[float]:
    omegas = [float(omega0)] * layers if isinstance(omega0, (int, float)) else [float(omega) for omega in omega0]
    if len(omegas) != layers or not all(math.isfinite(omega) and omega != 0 for omega in omegas):
        raise SolveError(f"Siren of {layers} sine layers was given omega0={omega0!r}; expected one finite number that "
                         "is not 0, or one for each layer.")
    return omegas


def _layer(width: int, fan: int, bound: float, initial_bias: float, generator: torch.Generator) -> nn.Linear:
    weight = uniform((width, fan), bound, generator)
    return linear(weight, uniform((width,), initial_bias / math.sqrt(fan), generator))
