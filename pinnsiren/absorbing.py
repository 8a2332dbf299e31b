"""Open boundaries in time: the first-order absorbing condition, and a damping layer with auxiliary fields for waves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import real_number
from pinnsiren.equation import Equation
from pinnsiren.errors import DomainError, EquationError
from pinnsiren.pml import Faces, Layers, Side, check_thickness, depths, exact, layered_faces, positive, without_layers
from pinnsiren.symbols import Field, Time, div, grad, normal_derivative

DIMENSIONS = (1, 2, 3)


def absorbing(field: Field, speed: Any) -> sympy.Expr:
    """∂u/∂t + c ∂u/∂n: zero on a lateral boundary, it lets waves of speed c that meet the boundary head on pass out.

    Of a plane wave at the angle θ to the normal, (cos θ − 1)/(cos θ + 1) comes back.

    Args:
        field: of space and one time.
        speed: c > 0 at the boundary, in length per time; an expression of the coordinates where it varies.

    Raises:
        EquationError: the field has no time, or a speed ≤ 0.

    Reference: Engquist & Majda, Math. Comp. 31 (1977).
    """
    time = _time_of(field)
    if sympy.sympify(speed).is_nonpositive:
        raise EquationError(f"absorbing({field.name}, {speed}): the wave speed is positive.")
    return sympy.diff(field, time) + speed * normal_derivative(field)


@dataclass(frozen=True)
class DampingLayer:
    """Layers along faces of a box in which waves u_tt = ∇·(c²∇u) + f die away, without reflection where a layer begins.

    The perfectly matched layer in time, with rates ζ_i = ζ₀ (d/L)^p for each coordinate and auxiliary fields φ, ψ. In two
    dimensions u_tt + (ζ₁ + ζ₂) u_t + ζ₁ζ₂ u = ∇·(c²∇u) + ∇·φ + f and φ_i,t = −ζ_i φ_i + c²(ζ_j − ζ_i) ∂_i u; in one
    ζ₂ = 0; in three ψ = ∫u dt joins. All auxiliary fields start from 0 and stay 0 in the physical box until a wave comes.

    Args:
        box: all of the domain in space, layers included; one to three dimensions.
        thickness: L > 0, in the coordinates' unit.
        strength: ζ₀ > 0, the rate at the outer end, in 1/time; -(p+1) c ln(R)/(2L) for a reflection R.
        speed: c > 0: a number, or an expression of the coordinates that does not vary across a layer.
        order: p ≥ 1.
        faces: as in :class:`~pinnsiren.pml.PML`.

    Raises:
        DomainError: see PML; more than three dimensions.

    Reference: Grote & Sim, Efficient PML for the wave equation, arXiv 1001.0319 (2010).
    """

    box: Box
    thickness: float
    strength: float
    speed: Any
    order: float = 2
    faces: Faces | Mapping[sympy.Symbol, Side] | Iterable[tuple[sympy.Symbol, float]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.box, Box) or len(self.box.coordinates) not in DIMENSIONS:
            raise DomainError(f"DampingLayer({self.box!r}, …): expected a Box of one to three space coordinates.")
        for name in ("thickness", "strength"):
            object.__setattr__(self, name, positive(getattr(self, name), f"the layer's {name}"))
        speed = sympy.sympify(self.speed)
        if speed.is_nonpositive:
            raise DomainError(f"the wave speed is {speed}; expected a positive number, or an expression of the coordinates.")
        object.__setattr__(self, "speed", speed)
        order = real_number(self.order, "the order of the layer's profile")
        if order < 1:
            raise DomainError(f"the order of the layer's profile is {order:g}; give at least 1 (2 is usual).")
        object.__setattr__(self, "order", int(order) if order == int(order) else order)
        object.__setattr__(self, "faces", layered_faces(self.box, self.faces))
        check_thickness(self.box, self.thickness, self._faces)

    @property
    def physical(self) -> Box:
        """The box without its layers, where the field is to be compared."""
        return without_layers(self.box, self.thickness, self._faces)

    @property
    def damping(self) -> Layers:
        """ζ for each coordinate, in 1/time; 0 outside its layers."""
        scale = exact(self.strength) / exact(self.thickness) ** exact(self.order)
        return {c: scale * power for c, power in depths(self.box, self.thickness, self._faces, self.order).items()}

    def auxiliary(self, field: Field) -> tuple[Field, ...]:
        """The auxiliary fields of u: φ_i for each coordinate in space, and ψ in three dimensions."""
        space = self._space(field)
        fields = [Field(f"{field.name}_phi_{c.name}", *field.coordinates) for c in space]
        return (*fields, *([Field(f"{field.name}_psi", *field.coordinates)] if len(space) == max(DIMENSIONS) else []))

    def equations(self, field: Field, source: Any = 0) -> tuple[Equation, ...]:
        """The wave equation of u with its damping, and the laws of its auxiliary fields; for the interior of box × time.

        Args:
            field: u, of the box's coordinates and one time.
            source: f, an expression that vanishes in the layers.

        Raises:
            EquationError: the field has other coordinates, or no time.
        """
        t, space = _time_of(field), self._space(field)
        zeta = [self.damping[c] for c in space]
        phi, psi = self.auxiliary(field)[:len(space)], self.auxiliary(field)[len(space):]
        first, second = sympy.Add(*zeta), sum(zeta[i] * zeta[j] for i in range(len(zeta)) for j in range(i))
        waves = sympy.diff(field, t, 2) + first * sympy.diff(field, t) + second * field
        waves -= div(self.speed**2 * grad(field, space), space) + div(phi, space) + source
        if psi:
            waves += sympy.Mul(*zeta) * psi[0]
        laws = [sympy.diff(p, t) + z * p - self._flux(field, i) for i, (p, z) in enumerate(zip(phi, zeta, strict=True))]
        laws += [sympy.diff(p, t) - field for p in psi]
        return (Equation(waves, name="wave"), *(Equation(law, name=f"law of {f.name}")
                                                for law, f in zip(laws, (*phi, *psi), strict=True)))

    def start(self, field: Field) -> tuple[Equation, ...]:
        """φ = 0, ψ = 0: the initial conditions of the auxiliary fields."""
        return tuple(Equation(f, 0, name=f"start of {f.name}") for f in self.auxiliary(field))

    def reflection(self, speed: float | None = None) -> float:
        """e^{−(2/c) ∫ζ dx} = e^{−2 ζ₀ L/((p+1) c)}: the share of a plane wave head on that comes back from u = 0 outside.

        Args:
            speed: c in the layer; by default the layer's own, if that is a number.

        Raises:
            DomainError: the layer's speed varies, and none is given.
        """
        if speed is None and self.speed.free_symbols:
            raise DomainError(f"the speed {self.speed} varies; give its value in the layer: reflection(speed=1.5).")
        c = positive(self.speed if speed is None else speed, "the wave speed")
        return float(sympy.exp(-2 * self.strength * self.thickness / ((self.order + 1) * c)))

    def _flux(self, field: Field, i: int) -> sympy.Expr:
        """What drives φ_i: c²(Σ_{j≠i} ζ_j − ζ_i) ∂_i u, and c² Π_{j≠i} ζ_j ∂_i ψ in three dimensions."""
        space = self._space(field)
        zeta = [self.damping[c] for c in space]
        others = zeta[:i] + zeta[i + 1:]
        flux = self.speed**2 * (sympy.Add(*others) - zeta[i]) * sympy.diff(field, space[i])
        if len(space) == max(DIMENSIONS):
            flux += self.speed**2 * sympy.Mul(*others) * sympy.diff(self.auxiliary(field)[-1], space[i])
        return flux

    def _space(self, field: Field) -> tuple[sympy.Symbol, ...]:
        space = tuple(c for c in field.coordinates if not isinstance(c, Time))
        if set(space) != set(self.box.coordinates):
            raise EquationError(f"{field} has the space coordinates {space}, and the layer's box {self.box.coordinates}; "
                                "give both the same.")
        return space

    @property
    def _faces(self) -> Faces:
        return self.faces  # type: ignore[return-value]  # as __post_init__ leaves it


def _time_of(field: Any) -> sympy.Symbol:
    times = [c for c in field.coordinates if isinstance(c, Time)] if isinstance(field, Field) else []
    if len(times) != 1:
        raise EquationError(f"{field} has {len(times)} times; expected a Field of space and one time: "
                            "t = ps.time('t'), ps.Field('u', x, t).")
    return times[0]
