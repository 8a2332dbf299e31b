"""Regions at one instant of a domain with time: where initial and final conditions are put."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import ArrayLike

from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import TOLERANCE, PartOfDomain
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask, as_points


class Instant(PartOfDomain):
    """The slice Ω(t) × {t} of a domain at its first or last time; it has no normals."""

    @property
    @abstractmethod
    def instant(self) -> float:
        """The time, in the unit of the time coordinate."""

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return _domain(self).coordinates

    @property
    def dimension(self) -> int:
        return len(self.coordinates) - 1

    @property
    def has_normals(self) -> bool:
        return False

    def charts(self) -> tuple[Chart, ...]:
        return _domain(self).slice_charts(self.instant)

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at, domain = as_points(points, self.coordinates), _domain(self)
        axis, allowed = _time_axis(domain), TOLERANCE * domain.size if tolerance is None else tolerance
        share = allowed / domain.size * float(np.ptp(domain.bounds[axis]))  # of the duration: its unit is not that of space
        return (np.abs(at[:, axis] - self.instant) <= share) & domain.contains(at, allowed)

    def normals_at(self, points: ArrayLike) -> Array:
        raise DomainError(f"{self} has no normals; a derivative in time is u.diff(t).")


@dataclass(frozen=True)
class Initial(Instant):
    """Ω at its first time: ``domain.initial``, for initial conditions.

    Raises:
        DomainError: the domain has no time, or is periodic in it.
    """

    domain: Domain

    def __post_init__(self) -> None:
        _check_time(self.domain, "initial")

    @property
    def instant(self) -> float:
        return float(self.domain.bounds[_time_axis(self.domain), 0])


@dataclass(frozen=True)
class Final(Instant):
    """Ω at its last time: ``domain.final``, for terminal conditions.

    Raises:
        DomainError: the domain has no time, or is periodic in it.
    """

    domain: Domain

    def __post_init__(self) -> None:
        _check_time(self.domain, "final")

    @property
    def instant(self) -> float:
        return float(self.domain.bounds[_time_axis(self.domain), 1])


def _domain(region: Instant) -> Domain:
    domain = region.domain
    assert domain is not None
    return domain


def _time_axis(domain: Domain) -> int:
    assert domain.time is not None
    return domain.coordinates.index(domain.time)


def _check_time(domain: Domain, which: str) -> None:
    if domain.time is None:
        raise DomainError(f"'{which}' was asked of {domain}, which has no time; give it one as a factor: "
                          "space * ps.Interval(t, 0, 1) with t = ps.time('t').")
    if domain.time in domain.periodic:
        raise DomainError(f"'{which}' was asked of {domain}, which is periodic in {domain.time}: it has no first and no last "
                          "time. Leave the condition out, or the periodicity.")
