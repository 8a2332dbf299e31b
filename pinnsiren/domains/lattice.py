"""Regular grids among scattered-looking points: the pixels of an image, the stations of a survey."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft

from pinnsiren.sampling import Array

EVEN = 1e-6  # of the spacing: how regular the points must be


@dataclass(frozen=True)
class Lattice:
    """A regular grid that the points of a set lie on: first point, spacing and number along each coordinate."""

    first: Array
    spacing: Array
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: Array) -> "Lattice | None":
        """The grid of points (n, d), or None if they lie on none or leave more than half of it empty."""
        first, spacing, counts = [], [], []
        for column in values.T:
            found = np.unique(column)
            steps = np.diff(found)
            distinct = found[np.concatenate([[True], steps > EVEN * np.ptp(found)])] if len(found) > 1 else found
            if len(distinct) < 2:
                return None
            h = float(np.diff(distinct).min())
            places = (distinct - distinct[0]) / h
            if np.abs(places - np.round(places)).max() > EVEN * len(distinct):
                return None
            first.append(distinct[0])
            spacing.append(h)
            counts.append(round(float(places[-1])) + 1)
        if math.prod(counts) > 2 * len(values):
            return None
        return cls(np.array(first), np.array(spacing), tuple(counts))

    def places(self, values: Array) -> tuple[Array, ...]:
        """The whole-numbered place of each of the points (n, d) along each coordinate: d arrays (n,) of int."""
        return tuple(np.round((values - self.first) / self.spacing).astype(int).T)


def without_harmonic(grid: Array, spacing: Array) -> Array:
    """A grid function (N, M) less the discrete harmonic function with the same values on the frame.

    What is removed has the function's values on the outermost points and five-point Laplacian 0 inside, so the rest
    vanishes on that frame. This removes 2N + 2M − 4 of N·M numbers (1.6 % at 256²); a harmonic function that varies within
    one spacing of the edge is not removed entirely.

    Args:
        grid: (N, M), at least 3 × 3.
        spacing: of the grid along both coordinates.
    Reference: the discrete Poisson solver by sine transforms, Press et al., Numerical Recipes, 3rd ed., sec. 20.4.
    """
    hx, hy = spacing
    inside = grid[1:-1, 1:-1]
    laplacian = ((grid[2:, 1:-1] + grid[:-2, 1:-1] - 2 * inside) / hx**2
                 + (grid[1:-1, 2:] + grid[1:-1, :-2] - 2 * inside) / hy**2)
    along_x, along_y = (-4 / h**2 * np.sin(np.pi * np.arange(1, n + 1) / (2 * (n + 1))) ** 2
                        for n, h in zip(inside.shape, spacing, strict=True))
    rest = np.zeros_like(grid)
    rest[1:-1, 1:-1] = fft.idstn(fft.dstn(laplacian, type=1) / (along_x[:, None] + along_y), type=1)
    return rest
