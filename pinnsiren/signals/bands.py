"""The band of a signal: which frequencies a network needs for it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]

ROUNDING = 1e-28  # of a signal's energy: what is left of nothing after a transform
HELD = 0.95  # of the energy about the mean lies within the band, as for the band of a network


def band(values: Array, axes: Sequence[int]) -> tuple[float, ...]:
    """For each axis the angular frequency, radians per half of the signal's length, below which 95 % of its energy lies.

    With cosines cos(πk(s + 1)/2) on s ∈ [−1, 1], which see no jump at the ends; the mean along an axis does not count.

    Args:
        values: on a regular grid.
        axes: those to look along, in the order of the result.
    """
    return tuple(_held(values, axis) for axis in axes)


def _held(values: Array, axis: int) -> float:
    if values.shape[axis] < 2:
        return 0.0
    modes = fft.dct(values, axis=axis, norm="ortho")
    power = np.square(np.moveaxis(modes, axis, 0)[1:]).reshape(values.shape[axis] - 1, -1).sum(axis=1)
    total = np.cumsum(power)
    if total[-1] <= ROUNDING * float(np.square(values).sum()):
        return 0.0
    return float(np.pi / 2 * (1 + np.searchsorted(total, HELD * total[-1])))
