"""The part of a domain's boundary that lies on that of a primitive: ``(square - disc).boundary.of(disc)``."""

from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from pinnsiren.domains.domain import Domain
from pinnsiren.domains.region import TOLERANCE, OnBoundary
from pinnsiren.errors import DomainError
from pinnsiren.sampling import Array, Chart, Mask, as_points


@dataclass(frozen=True)
class BoundaryOf(OnBoundary):
    """∂Ω ∩ ∂P with the outward normals of Ω, for conditions on one of the pieces that Ω is made of.

    Args:
        domain: Ω.
        primitive: P, any domain of the same coordinates; for Ω = space × time one of the space's will do.

    Raises:
        DomainError: P has other coordinates.
    """

    primitive: Domain

    def __post_init__(self) -> None:
        if not isinstance(self.primitive, Domain):
            raise DomainError(f"boundary.of({self.primitive!r}): expected a domain, such as the disc that was cut out.")
        primitive = self.domain.extruded(self.primitive)
        if primitive.coordinates != self.domain.coordinates:
            raise DomainError(f"boundary.of a domain in {self.primitive.coordinates}, asked of one in "
                              f"{self.domain.coordinates}; give one in the same coordinates in the same order.")
        object.__setattr__(self, "primitive", primitive)

    def charts(self) -> tuple[Chart, ...]:
        return tuple(self._turned(c) for c in self.primitive.boundary_charts())

    def contains(self, points: ArrayLike, tolerance: float | None = None) -> Mask:
        at = as_points(points, self.coordinates)
        allowed = TOLERANCE * self.domain.size if tolerance is None else tolerance
        return (self.domain.sides(at, allowed) == 0) & (self.primitive.sides(at, allowed) == 0)

    def _turned(self, chart: Chart) -> Chart:
        """What of a piece of ∂P is on ∂Ω, with the normals of Ω."""
        def place(unit: Array) -> tuple[Array, Array]:
            points, _ = chart.place(unit)
            return points, self.domain.normals(points)

        def keep(points: Array, normals: Array | None) -> Mask:
            on_boundary = self.domain.sides(points, TOLERANCE * self.domain.size) == 0
            return on_boundary if chart.keep is None else on_boundary & chart.keep(points, self.primitive.normals(points))

        return replace(chart, place=place, keep=keep)
