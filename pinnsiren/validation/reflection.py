"""How much an absorbing layer sends back: a time-harmonic field taken apart into outgoing and incoming waves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import hankel1, hankel2, sph_harm_y, spherical_jn, spherical_yn

from pinnsiren.domains.domain import real_number
from pinnsiren.errors import ReferenceError
from pinnsiren.pml import PML, lowest
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, RangedParameter

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

SHELLS = (0.86, 0.9, 0.94, 0.98)  # of the largest sphere within the physical box: outside of most sources and inclusions
CLOSEST = 0.05  # of a wavelength from the inner to the outer shell: less cannot tell e^{−ikr} from e^{ikr}


class Solved(Protocol):
    """A solution: its problem, and values (n,) of a field at points (n, d)."""

    @property
    def problem(self) -> Problem: ...

    def __call__(self, field: Any, points: Any) -> NDArray[Any]: ...


def reflection(solution: Solved, pml: PML, *, field: Field | None = None, centre: Mapping[sympy.Symbol, Any] | None = None,
               radii: Sequence[float] | None = None) -> float:
    """The amplitude of what comes back from a layer, relative to what goes out: √(Σ|b_n|²/Σ|a_n|²).

    On some spheres around a centre the field is fitted by u = Σ_n (a_n h_n^out(kr) + b_n h_n^in(kr)) Y_n over all waves that
    travel (n ≤ kr): e^{∓ikr} in one dimension, Hankel functions and e^{inθ} in two, spherical ones in three. A perfect layer
    leaves b = 0; compare with ``pml.reflection()``, and with the error of the solution, which counts as a reflection too.

    Args:
        field: by default the only one of the problem.
        centre: of the spheres, a number for each coordinate; by default the middle of the physical box.
        radii: of the spheres, in the coordinates' unit; all sources and inclusions are within the smallest, and the
            largest is within the physical box. By default 0.86 to 0.98 of the largest that fits.

    Raises:
        ReferenceError: more than three coordinates, several fields and none named, spheres that leave the physical box or
            are too close together, a wavenumber that has a range, or no wave going out.
    """
    used = _field(solution.problem, field)
    if isinstance(pml.wavenumber, RangedParameter) or len(pml.coordinates) > 3:
        raise ReferenceError("a reflection is measured for one wavenumber, in one to three dimensions; of a problem with a "
                             "range take one value: problem.at(k=…).")
    k, middle = lowest(pml.wavenumber), _centre(pml, centre)
    shells = _radii(pml, middle, radii, k)
    angular = harmonics(len(middle), int(k * shells[0]))
    points = np.concatenate([middle + r * angular.directions for r in shells])
    order = [pml.coordinates.index(c) for c in used.coordinates]
    values = np.asarray(solution(used, points[:, order]), dtype=complex)
    waves = [np.concatenate([angular.values * angular.radial(k * r, sign * pml.time_sign) for r in shells]) for sign in (1, -1)]
    weights = np.sqrt(np.tile(angular.weights, len(shells)))
    found = np.linalg.lstsq(np.hstack(waves) * weights[:, None], values * weights, rcond=None)[0]
    out, back = np.split(found, 2)
    if not np.linalg.norm(out) > 0:
        raise ReferenceError("no wave goes out through the spheres, so there is nothing to compare a reflection with.")
    return float(np.linalg.norm(back) / np.linalg.norm(out))


@dataclass(frozen=True, eq=False)
class Harmonics:
    """The angular functions Y_n up to a degree, at points of the unit sphere that integrate their products exactly.

    Attributes:
        directions: (q, d) unit vectors.
        weights: (q,) of the quadrature.
        values: (q, m) complex.
        degrees: (m,) n of each.
    """

    directions: Array
    weights: Array
    values: Complex
    degrees: NDArray[np.intp]

    def radial(self, kr: float, sign: int) -> Complex:
        """h_n(kr) for each function, (m,): outgoing with e^{+iωt} for sign 1, incoming for −1."""
        n, d = self.degrees, self.directions.shape[1]
        if d == 1:
            return np.full(n.shape, np.exp(-1j * sign * kr))
        if d == 2:
            return np.asarray(hankel2(n, kr) if sign == 1 else hankel1(n, kr))
        return np.asarray(spherical_jn(n, kr) - 1j * sign * spherical_yn(n, kr))


def harmonics(dimension: int, degree: int) -> Harmonics:
    """e^{inθ} with |n| ≤ degree in two dimensions, spherical harmonics in three, the two sides in one."""
    if dimension == 1:
        return Harmonics(np.array([[1.0], [-1.0]]), np.ones(2), np.eye(2, dtype=complex), np.zeros(2, dtype=np.intp))
    angles = 2 * np.pi * np.arange(4 * degree + 16) / (4 * degree + 16)
    if dimension == 2:
        orders = np.arange(-degree, degree + 1)
        return Harmonics(np.stack([np.cos(angles), np.sin(angles)], axis=1), np.full(len(angles), 2 * np.pi / len(angles)),
                         np.exp(1j * np.outer(angles, orders)), np.abs(orders))
    heights, shares = np.polynomial.legendre.leggauss(2 * degree + 8)
    z, phi = (m.ravel() for m in np.meshgrid(heights, angles, indexing="ij"))
    pairs = [(n, m) for n in range(degree + 1) for m in range(-n, n + 1)]
    values = np.stack([sph_harm_y(n, m, np.arccos(z), phi) for n, m in pairs], axis=1)
    across = np.sqrt(1 - z**2)
    return Harmonics(np.stack([across * np.cos(phi), across * np.sin(phi), z], axis=1),
                     np.repeat(shares, len(angles)) * 2 * np.pi / len(angles), values, np.array([n for n, _ in pairs]))


def _field(problem: Problem, asked: Field | None) -> Field:
    if asked is None and len(problem.fields) == 1:
        return problem.fields[0]
    if asked not in problem.fields:
        raise ReferenceError(f"reflection(…, field={asked}); name one of {', '.join(map(str, problem.fields))}.")
    return asked


def _centre(pml: PML, asked: Mapping[sympy.Symbol, Any] | None) -> Array:
    if asked is None:
        return np.asarray(pml.physical.bounds.mean(axis=1))
    if set(asked) != set(pml.coordinates):
        raise ReferenceError(f"the centre is {dict(asked)}; give a number for each of {pml.coordinates}.")
    return np.array([real_number(asked[c], f"the centre's {c}") for c in pml.coordinates])


def _radii(pml: PML, centre: Array, asked: Sequence[float] | None, k: float) -> tuple[float, ...]:
    largest = float(np.abs(pml.physical.bounds - centre[:, None]).min())
    shells = tuple(sorted(share * largest for share in SHELLS)) if asked is None else tuple(sorted(map(float, asked)))
    inside = bool(pml.physical.contains(centre[None])[0])
    if not inside or not shells or shells[0] <= 0 or shells[-1] > largest:
        raise ReferenceError(f"spheres of the radii {', '.join(f'{r:.3g}' for r in shells)} around {centre.tolist()}; they "
                             f"must lie in the physical box, so below {largest:.3g} if the centre is within.")
    wavelength = 2 * np.pi / k
    if shells[-1] - shells[0] < CLOSEST * wavelength:
        raise ReferenceError(f"spheres of radii from {shells[0]:.3g} to {shells[-1]:.3g}, and a wavelength of "
                             f"{wavelength:.3g}: too close to tell outgoing waves from incoming; spread them over "
                             f"{CLOSEST * wavelength:.3g}.")
    return shells
