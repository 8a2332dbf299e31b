"""Media to be found by waves: the SIREN paper's kind, an inclusion in a uniform one, and layers with faults."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pinnsiren.errors import ProblemError

Array = npt.NDArray[np.float64]


class Medium(ABC):
    """A velocity c(x, y), and what of it is known beforehand."""

    @abstractmethod
    def velocity(self, points: Array) -> Array:
        """c at points (n, 2): (n,), positive."""

    @abstractmethod
    def background(self, points: Array) -> Array:
        """What is known of it, and where an inversion starts: (n,)."""

    def squared_slowness(self, points: Array) -> Array:
        """m = 1/c²."""
        return np.asarray(1 / self.velocity(points) ** 2)

    def averaged(self, points: Array, spacing: tuple[float, float], pieces: int = 5) -> Array:
        """The mean of m over the grid cell around each point: a jump between nodes moves with the medium, not with the grid."""
        steps = (np.arange(pieces) + 0.5) / pieces - 0.5
        shifts = np.stack(np.meshgrid(steps * spacing[0], steps * spacing[1], indexing="ij"), axis=-1).reshape(-1, 2)
        return np.asarray(np.mean([self.squared_slowness(points + s) for s in shifts], axis=0))


@dataclass(frozen=True)
class Inclusion(Medium):
    """Velocity 1, and in the middle of the plane a square or a disc of another one. Dimensionless.

    Args:
        shape: "square" or "disc".
        size: width of the square, diameter of the disc.
        velocity_inside: 2 is the SIREN paper's, a squared slowness of ¼.

    Raises:
        ProblemError: another shape, or a number that is not positive.
    """

    shape: Literal["square", "disc"] = "square"
    size: float = 0.6
    velocity_inside: float = 2.0

    def __post_init__(self) -> None:
        if self.shape not in ("square", "disc"):
            raise ProblemError(f"an inclusion of shape {self.shape!r}; expected 'square' or 'disc'.")
        if not (self.size > 0 and self.velocity_inside > 0):
            raise ProblemError(f"an inclusion of size {self.size} and velocity {self.velocity_inside}; expected numbers > 0.")

    def velocity(self, points: Array) -> Array:
        distance = np.abs(points).max(axis=1) if self.shape == "square" else np.linalg.norm(points, axis=1)
        return np.where(distance < self.size / 2, self.velocity_inside, 1.0)

    def background(self, points: Array) -> Array:
        return np.ones(len(points))


@dataclass(frozen=True)
class Layers(Medium):
    """A layered, folded and faulted section of the ground: x along it and y downwards in km, velocities in km/s.

    Layers of random thickness, whose velocities rise with depth and alternate, are folded by a smooth random curve and cut
    by normal faults, beside which they are shifted. A smooth rise of velocity with depth is known beforehand.

    Args:
        width, depth: of the section, km.
        layers: their number over the depth, at least 2.
        faults: their number.
        top, bottom: the known velocity at the surface and at the full depth, km/s.
        contrast: standard deviation of a layer's velocity around the known one; dimensionless.
        seed: of everything random.

    Raises:
        ProblemError: fewer layers, or numbers that are not positive.
    """

    width: float = 2.0
    depth: float = 1.0
    layers: int = 9
    faults: int = 3
    top: float = 1.5
    bottom: float = 3.5
    contrast: float = 0.12
    seed: int = 0

    def __post_init__(self) -> None:
        numbers = (self.width, self.depth, self.top, self.bottom)
        if min(numbers) <= 0 or self.layers < 2 or self.faults < 0 or not 0 <= self.contrast < 0.3:
            raise ProblemError(f"{self}: expected lengths and velocities > 0, two layers or more, no negative number of faults "
                               "and a contrast from 0 to 0.3.")

    def background(self, points: Array) -> Array:
        share = np.clip(points[:, 1] / self.depth, 0, 1)
        return np.asarray(self.top + (self.bottom - self.top) * share)

    def velocity(self, points: Array) -> Array:
        x, y = np.clip(points[:, 0], 0, self.width), np.clip(points[:, 1], 0, self.depth)
        random = np.random.default_rng(self.seed)
        thick = random.uniform(0.6, 1.4, self.layers)
        ends = self.depth * np.cumsum(thick)[:-1] / thick.sum()
        factors = 1 + self.contrast * np.where(np.arange(self.layers) % 2, 1.0, -1.0) * random.uniform(0.5, 1.5, self.layers)
        original = self._unfaulted(x, y, random)
        layer = np.searchsorted(ends, original)
        middles = (np.concatenate([[0.0], ends]) + np.concatenate([ends, [self.depth]])) / 2
        known = self.top + (self.bottom - self.top) * middles[layer] / self.depth
        water = layer == 0  # the first layer is the ground at the surface, whose velocity is known
        return np.asarray(np.where(water, self.top, known * factors[layer]))

    def _unfaulted(self, x: Array, y: Array, random: np.random.Generator) -> Array:
        """The depth at which a point's layer lay before folds and faults; neither reaches the surface."""
        original = y.copy()
        for place in np.sort(random.uniform(0.2, 0.8, self.faults)) * self.width:
            dip, throw = random.uniform(0.2, 0.6), random.uniform(0.05, 0.1) * self.depth
            original -= throw * (x > place + dip * (y - self.depth / 2))
        phases, amplitudes = random.uniform(0, 2 * np.pi, 3), random.normal(size=3) * np.array([0.04, 0.02, 0.01]) * self.depth
        fold = sum(a * np.sin((n + 1) * np.pi * x / self.width + p)
                   for n, (a, p) in enumerate(zip(amplitudes, phases, strict=True)))
        grown = np.clip(y / (0.3 * self.depth), 0, 1)
        return np.asarray(y + grown * (original - y + fold))
