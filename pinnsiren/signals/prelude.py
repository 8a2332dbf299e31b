"""Seven seconds of music to begin with: the opening of J. S. Bach's suite for violoncello solo BWV 1007, played by formulas.

No recording that may be given away ships with the packages used here. The notes are Bach's; the instrument is a bowed string
by additive synthesis: harmonics that fall off like a sawtooth through the resonances of a body, with vibrato, an uneven bow
and its noise, so that the sound is as broad and as irregular as a recording's.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Array = NDArray[np.float64]

# the figure of each of the first four bars, played once: notes as MIDI numbers (60 is middle C)
FIGURES = ((43, 50, 59, 57, 59, 50, 59, 50), (43, 52, 60, 59, 60, 52, 60, 52), (43, 54, 60, 59, 60, 54, 60, 54),
           (43, 55, 59, 57, 59, 55, 59, 54))
NOTE = 0.22  # seconds
RING = 0.9  # seconds that a note sounds on
BODY = ((100.0, 20.0, 1.0), (185.0, 30.0, 0.9), (220.0, 40.0, 0.7), (460.0, 90.0, 0.6), (780.0, 160.0, 0.5),
        (1500.0, 500.0, 0.5), (2800.0, 900.0, 0.35))  # resonances: frequency and width in Hz, strength
HIGHEST = 9000.0  # Hz, of harmonics
LOUDEST = 0.7  # of full scale


def prelude(rate: int) -> Array:
    """Four figures of eight notes, 7.04 s, (n,) in units of full scale.

    Args:
        rate: samples a second, Hz.
    """
    generator = np.random.default_rng(1007)
    notes = [n for figure in FIGURES for n in figure]
    total = np.zeros(round((len(notes) * NOTE) * rate))
    for place, number in enumerate(notes):
        first = round(place * NOTE * rate)
        sounding = _note(440.0 * 2 ** ((number - 69) / 12), rate, generator)[:len(total) - first]
        total[first:first + len(sounding)] += sounding * (1.15 if place % 8 == 0 else 1.0)
    return np.asarray(LOUDEST * total / np.abs(total).max())


def _note(frequency: float, rate: int, generator: np.random.Generator) -> Array:
    t = np.arange(round((NOTE + RING) * rate)) / rate
    swing = np.sin(2 * np.pi * generator.uniform(5.0, 6.0) * t + generator.uniform(0, 2 * np.pi))
    vibrato = 0.003 * np.minimum(1, t / 0.15) * swing
    phase = 2 * np.pi * frequency * np.cumsum(1 + vibrato) / rate
    bow = signal.lfilter([0.002], [1, -0.998], generator.normal(size=len(t)))  # slow unevenness
    string = np.zeros_like(t)
    for k in range(1, int(HIGHEST / frequency)):
        decay = np.exp(-np.maximum(0, t - NOTE) * (3 + 0.4 * k))
        string += _body(k * frequency) / k * decay * np.sin(k * phase + generator.uniform(0, 2 * np.pi))
    noise = signal.lfilter(*signal.butter(2, [900, 6000], "band", fs=rate), generator.normal(size=len(t)))
    attack = np.minimum(1, t / 0.025)
    return np.asarray(attack * ((1 + 2.5 * bow) * string + 0.02 * noise * np.exp(-np.maximum(0, t - NOTE) * 12)))


def _body(frequency: float) -> float:
    """The strength at which a body with a few resonances radiates a frequency."""
    return 0.08 + sum(a / (1 + ((frequency - f) / w) ** 2) for f, w, a in BODY)
