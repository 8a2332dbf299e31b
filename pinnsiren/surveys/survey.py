"""Sources, receivers, frequencies, and the waves that the receivers record."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pinnsiren.errors import DataError
from pinnsiren.surveys.media import Medium
from pinnsiren.surveys.waves import Array, Bounds, Complex, WaveGrid

FINER = 1.37  # cells of the grid that makes data, for one of a grid that inverts: no node in common but by chance


@dataclass(frozen=True, init=False, eq=False)
class Acquisition:
    """Where waves start and where they are recorded.

    Args:
        bounds: ((x₀, x₁), (y₀, y₁)) of the rectangle, its perfectly matched layers included, in the unit of length.
        sources, receivers: (S, 2) and (R, 2), between the layers.
        frequencies: ω > 0 in the inverse unit of time, that is, k where the velocity is 1; increasing.
        thickness, strength: of the layers, see :class:`WaveGrid`.
        amplitude: of every source, complex.
        variance: σ of the sources, Gaussians of integral 1, in squared length; 0 for points. Outside itself such a source is
            a point whose amplitude is e^{−ω²σ/2} times as large, in a medium whose velocity is 1 around it.

    Raises:
        DataError: shapes that do not fit, numbers that are not finite, positions outside the rectangle or in its layers,
            frequencies that are not positive.
    """

    bounds: Bounds
    sources: Array
    receivers: Array
    frequencies: Array
    thickness: float
    strength: float
    amplitude: complex
    variance: float

    def __init__(self, bounds: Bounds, sources: npt.ArrayLike, receivers: npt.ArrayLike, frequencies: npt.ArrayLike, *,
                 thickness: float = 0.5, strength: float = 5.0, amplitude: complex = 1.0,
                 variance: float = 0.0) -> None:
        set_once = object.__setattr__
        set_once(self, "bounds", bounds)
        set_once(self, "thickness", float(thickness))
        set_once(self, "strength", float(strength))
        set_once(self, "amplitude", complex(amplitude))
        set_once(self, "variance", float(variance))
        set_once(self, "sources", self._placed(sources, "sources"))
        set_once(self, "receivers", self._placed(receivers, "receivers"))
        omega = np.unique(np.asarray(frequencies, dtype=np.float64).ravel())
        if len(omega) == 0 or not (np.all(np.isfinite(omega)) and omega[0] > 0):
            raise DataError(f"frequencies={frequencies!r}; expected at least one angular frequency > 0.")
        set_once(self, "frequencies", omega)

    @property
    def physical(self) -> Bounds:
        """The rectangle without its layers."""
        (x, y) = ((a + self.thickness, b - self.thickness) for a, b in self.bounds)
        return x, y

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frequencies, sources, receivers): that of the data."""
        return len(self.frequencies), len(self.sources), len(self.receivers)

    def grid(self, spacing: float, order: int = 4) -> WaveGrid:
        """A grid with cells of about this size."""
        (nx, ny) = (max(16, round((b - a) / spacing)) for a, b in self.bounds)
        return WaveGrid(self.bounds, (nx, ny), self.thickness, self.strength, order)

    def driven(self, frequency: float) -> complex:
        """The amplitude of the point sources that stand for the sources at a frequency."""
        return self.amplitude * float(np.exp(-(frequency**2) * self.variance / 2))

    def predicted(self, grid: WaveGrid, squared_slowness: Array) -> Complex:
        """What the receivers record in a medium m at the nodes of a grid: (frequencies, sources, receivers)."""
        sources, receivers = grid.sources(self.sources), grid.interpolation(self.receivers)
        found = [receivers @ grid.waves(float(w), squared_slowness).solve(self.driven(float(w)) * sources)
                 for w in self.frequencies]
        return np.asarray([f.T for f in found])

    def _placed(self, places: npt.ArrayLike, what: str) -> Array:
        found = np.array(places, dtype=np.float64)
        if found.ndim != 2 or found.shape[1:] != (2,) or len(found) == 0:
            raise DataError(f"{what} of shape {found.shape}; expected (n, 2), a row (x, y) for each, and at least one.")
        if not np.all(np.isfinite(found)):
            row = int(np.argwhere(~np.isfinite(found))[0, 0])
            raise DataError(f"{what} hold numbers that are not finite, first in row {row}.")
        lower, upper = (np.array([side[i] for side in self.physical]) for i in (0, 1))
        outside = np.any((found < lower) | (found > upper), axis=1)
        if outside.any():
            place = found[outside][0]
            raise DataError(f"{int(outside.sum())} of the {what} lie outside the physical rectangle {self.physical}, the first "
                            f"at ({place[0]:g}, {place[1]:g}): in the perfectly matched layers, {self.thickness:g} thick, and "
                            "behind them waves are not what they are outdoors. Move them, or give a larger rectangle.")
        return found


@dataclass(frozen=True, init=False, eq=False)
class Survey:
    """Recorded waves.

    Args:
        acquisition: where.
        data: complex (frequencies, sources, receivers).
        noise: standard deviation of the data's errors, relative to the root mean square of the data of each frequency;
            dimensionless. Inversions fit no better than that.

    Raises:
        DataError: another shape, numbers that are not finite, a noise that is not between 0 and 1, or no signal at all.
    """

    acquisition: Acquisition
    data: Complex
    noise: float

    def __init__(self, acquisition: Acquisition, data: npt.ArrayLike, noise: float) -> None:
        found = np.array(data, dtype=np.complex128)
        if found.shape != acquisition.shape:
            raise DataError(f"data of shape {found.shape}; expected {acquisition.shape}: one value for each frequency, source "
                            "and receiver, in this order.")
        if not np.all(np.isfinite(found)):
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
            raise DataError(f"data[{', '.join(map(str, where))}] (frequency, source, receiver) is not finite; leave that "
                            "receiver or frequency out, or fill the gap.")
        if not 0 < noise < 1:
            raise DataError(f"noise={noise}; expected the relative standard deviation of the data's errors, between 0 and 1: "
                            "where it is unknown, say 0.01.")
        if np.any(_sizes(found) == 0):
            raise DataError("the data of some frequency are all zero; leave that frequency out.")
        object.__setattr__(self, "acquisition", acquisition)
        object.__setattr__(self, "data", found)
        object.__setattr__(self, "noise", float(noise))

    @property
    def deviations(self) -> Array:
        """The standard deviation of the errors of each frequency's data (complex: of |error|): (frequencies,)."""
        return self.noise * _sizes(self.data)


def recorded(medium: Medium, acquisition: Acquisition, *, noise: float = 0.01, seed: int = 0, spacing: float,
             order: int = 6) -> Survey:
    """Data of a known medium, by finite differences of order 6, with normally distributed errors.

    Args:
        noise: relative standard deviation; see :class:`Survey`.
        spacing: of a grid that may invert the data: the one that makes them is 1.37 times finer.
        seed: of the noise.
    """
    grid = acquisition.grid(spacing / FINER, order)
    exact = acquisition.predicted(grid, medium.averaged(grid.nodes, grid.spacing))
    random = np.random.default_rng(seed)
    errors = (random.normal(size=exact.shape) + 1j * random.normal(size=exact.shape)) / np.sqrt(2)
    return Survey(acquisition, exact + noise * _sizes(exact)[:, None, None] * errors, noise)


def _sizes(data: Complex) -> Array:
    """The root mean square of each frequency."""
    return np.asarray(np.sqrt(np.mean(np.abs(data) ** 2, axis=(1, 2))))
