"""Where a field of many coordinates is shown: the line, the square, planes through the middle, or three instants."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnsiren.domains import Domain
from pinnsiren.symbols import Time

Array = NDArray[np.float64]

MOST = 3  # planes, side by side
INSTANTS = (0.0, 0.5, 1.0)  # of the duration


@dataclass(frozen=True, eq=False)
class Plane:
    """One or two coordinates that vary, the others fixed.

    Args:
        along: places of those that vary among the domain's coordinates.
        at: (d,) values of all; those of ``along`` do not matter.
        label: the fixed ones, such as "t = 0.5"; empty where none is.
    """

    along: tuple[int, ...]
    at: Array
    label: str

    def points(self, mesh: Array) -> Array:
        """All coordinates (n, d) of places (n, len(along)) on it."""
        points = np.tile(self.at, (len(mesh), 1))
        points[:, self.along] = mesh
        return points


def planes(domain: Domain) -> list[Plane]:
    """One plane for a domain of one or two coordinates; two in space at three instants; else up to three, through the
    middle."""
    coordinates, bounds = domain.coordinates, np.asarray(domain.bounds, float)
    d, middle = len(coordinates), bounds.mean(axis=1)
    time = [i for i, c in enumerate(coordinates) if isinstance(c, Time)]
    if d == 3 and len(time) == 1:
        space = tuple(i for i in range(d) if i not in time)
        duration = np.ptp(bounds, axis=1)
        places = [np.where(np.arange(d) == time[0], bounds[:, 0] + share * duration, middle) for share in INSTANTS]
        return [_plane(coordinates, space, at) for at in places]
    return [_plane(coordinates, along, middle) for along in list(combinations(range(d), min(2, d)))[:MOST]]


def _plane(coordinates: tuple[sympy.Symbol, ...], along: tuple[int, ...], at: Array) -> Plane:
    fixed = ", ".join(f"${sympy.latex(c)}$ = {at[i]:.3g}" for i, c in enumerate(coordinates) if i not in along)
    return Plane(along, at, fixed)
