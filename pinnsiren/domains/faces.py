"""Where a domain has flat faces."""

from typing import Any

import sympy

from pinnsiren.domains.domain import Domain, real_number
from pinnsiren.domains.region import TOLERANCE
from pinnsiren.errors import DomainError


def place_of_face(domain: Domain, coordinate: sympy.Symbol, given: Any) -> float:
    """The exact place of the flat face of a domain across a coordinate that is meant by about this place.

    Raises:
        DomainError: there is none; the message names those that there are.
    """
    if coordinate not in domain.coordinates:
        raise DomainError(f"face({coordinate}, …) of a domain with coordinates {domain.coordinates}; name one of them.")
    value = real_number(given, f"the place of face({coordinate}, …)")
    if coordinate in domain.sliced:
        raise DomainError(f"face({coordinate}, {value:g}): a domain has no faces across time and parameters; use its "
                          ".initial or .final.")
    if coordinate in domain.periodic:
        raise DomainError(f"face({coordinate}, {value:g}): {domain} is periodic in {coordinate}, so it has no face across it. "
                          "Leave the condition out, or the periodicity.")
    flats = [c.flat for c in domain.boundary_charts() if c.flat is not None]
    places = sorted({flat.value for flat in flats if flat.coordinate == coordinate})
    if not places:
        raise DomainError(f"{domain} has no flat face across {coordinate}; use a part of its boundary, "
                          f"for instance boundary.where({coordinate} > {value:g}).")
    nearest = min(places, key=lambda place: abs(place - value))
    if abs(nearest - value) > TOLERANCE * domain.size:
        raise DomainError(f"face({coordinate}, {value:g}) is no face of {domain}; "
                          f"its faces across {coordinate} are at {', '.join(f'{p:g}' for p in places)}.")
    return nearest
