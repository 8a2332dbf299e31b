"""Perfectly matched layers for time-harmonic waves: coordinates stretched into the complex plane, symbolically.

Outgoing waves e^{−ikx} of the time convention e^{+iωt} decay in the layer, because x becomes ∫ s dx with s = 1 − iσ; the waves
of e^{−iωt} need s = 1 + iσ. In a medium that varies along the layer only, nothing is reflected where the layer begins.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import sympy

from pinnsiren.domains.box import Box
from pinnsiren.domains.domain import real_number
from pinnsiren.errors import DomainError
from pinnsiren.symbols import Parameter, RangedParameter

Side = Literal["both", "lower", "upper"]
Faces = tuple[tuple[sympy.Symbol, float], ...]
Layers = dict[sympy.Symbol, sympy.Expr]

WAVELENGTHS = 0.25  # a thinner layer absorbs over less than a phase turn of π/2, and its profile is hard to resolve
LEFT = 1e-3  # a reflection that shows beside solutions of the usual accuracy


@dataclass(frozen=True)
class PML:
    """Layers along faces of a box in which x is replaced by ∫ s dx, s = 1 − i a₀ (d/L)^p, d the depth into the layer.

    With u ∝ e^{+iωt} (``time_sign=1``) this is the layer of the SIREN paper: a₀ the strength, L the thickness, p = 2.
    The wavenumber does not enter the stretching; it tells how much is absorbed: e^{−k a₀ L/(p+1)} on the way to the outer end.

    Args:
        box: all of the computational domain, layers included; one to three dimensions.
        thickness: L > 0 of each layer, in the coordinates' unit.
        strength: a₀ > 0, dimensionless.
        wavenumber: k > 0 in the layers, a number or a Parameter, in the inverse of that unit.
        order: p ≥ 1; the fields have p continuous derivatives where the layer begins.
        faces: those with a layer: {x: "both", y: "upper"}, or a list of (coordinate, value) as in ``box.face``; by default all.
        time_sign: 1 for fields ∝ e^{+iωt}, where e^{−ikx} travels towards growing x; −1 for e^{−iωt}.

    Raises:
        DomainError: a number that is not positive, order < 1, a face that the box has not, or layers thicker than the box.

    Reference: Berenger, J. Comput. Phys. 114 (1994); Chew & Weedon, Microw. Opt. Technol. Lett. 7 (1994), on stretched
    coordinates; Sitzmann et al., NeurIPS 2020, supplement, on the profile.
    """

    box: Box
    thickness: float
    strength: float
    wavenumber: Any
    order: float = 2
    faces: Faces | Mapping[sympy.Symbol, Side] | Iterable[tuple[sympy.Symbol, float]] | None = None
    time_sign: Literal[1, -1] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.box, Box):
            raise DomainError(f"PML({self.box!r}, …): expected the Box around the computational domain, layers included.")
        for name in ("thickness", "strength"):
            object.__setattr__(self, name, positive(getattr(self, name), f"the layer's {name}"))
        object.__setattr__(self, "wavenumber", _wavenumber(self.wavenumber))
        order = real_number(self.order, "the order of the layer's profile")
        if order < 1:
            raise DomainError(f"the order of the layer's profile is {order:g}; give at least 1 (2 is usual): with less the "
                              "equation has no second derivative where the layer begins.")
        object.__setattr__(self, "order", int(order) if order == int(order) else order)
        if self.time_sign not in (1, -1):
            raise DomainError(f"time_sign={self.time_sign!r}; give 1 for fields ∝ e^(+iωt), or -1 for e^(-iωt).")
        object.__setattr__(self, "faces", layered_faces(self.box, self.faces))
        check_thickness(self.box, self.thickness, self._faces)

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        return self.box.coordinates

    @property
    def physical(self) -> Box:
        """The box without its layers: where the fields mean what they do without them, and are to be compared."""
        return without_layers(self.box, self.thickness, self._faces)

    def with_parameters(self, new: Mapping[sympy.Symbol, sympy.Symbol]) -> "PML":
        """The layer with other parameters in its wavenumber."""
        return replace(self, wavenumber=sympy.sympify(self.wavenumber).xreplace(new))

    @property
    def absorption(self) -> Layers:
        """σ = a₀ (d/L)^p for each coordinate, 0 outside its layers; dimensionless."""
        scale = exact(self.strength) / exact(self.thickness) ** exact(self.order)
        return {c: scale * power for c, power in depths(self.box, self.thickness, self._faces, self.order).items()}

    @property
    def stretch(self) -> Layers:
        """s = 1 − iσ for each coordinate (1 + iσ for ``time_sign=-1``)."""
        return {c: 1 - self.time_sign * sympy.I * sigma for c, sigma in self.absorption.items()}

    @property
    def jacobian(self) -> sympy.Expr:
        """Π s_i: how a volume is stretched. What the conservative form multiplies the terms without derivatives by."""
        return sympy.Mul(*self.stretch.values())

    @property
    def decay(self) -> sympy.Expr:
        """e^{−k ∫σ} over all coordinates: 1 in the physical box, and in a layer the amplitude of a wave that meets it head on.

        A field u = decay · N has an N that is about as smooth there as in the physical box.
        """
        p, length = exact(self.order), exact(self.thickness)
        passed = sympy.Add(*depths(self.box, self.thickness, self._faces, self.order + 1).values())
        return sympy.exp(-exact(self.wavenumber) * exact(self.strength) / ((p + 1) * length**p) * passed)

    def grad(self, field: Any) -> sympy.Matrix:
        """((1/s_1) ∂u/∂x_1, …): the gradient in stretched coordinates."""
        return sympy.Matrix([sympy.diff(field, c) / s for c, s in self.stretch.items()])

    def div(self, vector: Any) -> sympy.Expr:
        """Σ (1/s_i) ∂v_i/∂x_i.

        Raises:
            DomainError: the number of components is not that of the coordinates.
        """
        components = list(vector)
        if len(components) != len(self.coordinates):
            raise DomainError(f"div of {len(components)} components in a layer over {self.coordinates}; give one for each.")
        return sympy.Add(*[sympy.diff(v, c) / s for v, (c, s) in zip(components, self.stretch.items(), strict=True)])

    def laplacian(self, field: Any, coefficient: Any = 1) -> sympy.Expr:
        """Σ (1/s_i) ∂_i((a/s_i) ∂_i u): what ∇·(a ∇u) becomes, a the ``coefficient`` of the medium."""
        return self.div(coefficient * self.grad(field))

    def conservative(self, field: Any, coefficient: Any = 1) -> sympy.Expr:
        """Π s · ∇·(a ∇u) = Σ ∂_i(a (Π s)/s_i² ∂_i u): ∂_x(e_y/e_x ∂_x u) + ∂_y(e_x/e_y ∂_y u) of the SIREN paper for a = 1."""
        stretch = self.stretch
        fluxes = [coefficient * sympy.Mul(*[s for b, s in stretch.items() if b != c]) / stretch[c] * sympy.diff(field, c)
                  for c in self.coordinates]
        return sympy.Add(*[sympy.diff(flux, c) for flux, c in zip(fluxes, self.coordinates, strict=True)])

    def reflection(self) -> float:
        """e^{−2k ∫σ dx} = e^{−2k a₀ L/(p+1)}: the share of a plane wave head on that comes back from u = 0 at the outer end.

        It is an amplitude. A wave at the angle θ to the normal has k cos θ for k; a Parameter with a range counts with its
        lowest value.
        """
        exponent = 2 * lowest(self.wavenumber) * self.strength * self.thickness / (self.order + 1)
        return float(sympy.exp(-exponent))

    def advice(self) -> tuple[str, ...]:
        """Sentences about what may go wrong with this layer; none if it is sensible."""
        k = lowest(self.wavenumber)
        length, found = 2 * float(sympy.pi) / k, []
        if self.thickness < WAVELENGTHS * length:
            found.append(f"the PML is {self.thickness:g} thick, {self.thickness / length:.2g} of the wavelength {length:.3g}; "
                         f"give it at least {WAVELENGTHS * length:.2g}, or its rapid profile will not be resolved.")
        if self.reflection() > LEFT:
            wanted = -float(sympy.log(LEFT)) * (self.order + 1) / (2 * k * self.thickness)
            found.append(f"the PML sends {self.reflection():.2g} of a wave back from its outer end; "
                         f"a strength of {wanted:.3g} would leave {LEFT:g}.")
        return tuple(found)

    @property
    def _faces(self) -> Faces:
        return self.faces  # type: ignore[return-value]  # as __post_init__ leaves it


def positive(value: Any, what: str) -> float:
    """A positive finite float.

    Raises:
        DomainError: anything else.
    """
    number = real_number(value, what)
    if number <= 0:
        raise DomainError(f"{what} is {number:g}; expected a number > 0.")
    return number


def exact(value: Any) -> sympy.Expr:
    """A decimal number as the fraction that it is written as, so that expressions show 1/2 and not 0.5; else unchanged."""
    return sympy.Rational(repr(value)) if isinstance(value, (int, float)) else sympy.sympify(value)


def lowest(value: Any) -> float:
    """The smallest value of a number or an increasing expression of parameters."""
    expression = sympy.sympify(value)
    return float(expression.xreplace({p: p.value for p in expression.atoms(Parameter)}
                                     | {p: p.low for p in expression.atoms(RangedParameter)}))


def layered_faces(box: Box, asked: Any) -> Faces:
    """The faces that have a layer, as (coordinate, value) pairs: those asked for, or all.

    Raises:
        DomainError: a face that the box has not, or none.
    """
    ends = {c: {"lower": box.lower[i], "upper": box.upper[i]} for i, c in enumerate(box.coordinates)}
    walls = [c for c in box.coordinates if c not in box.periodic]
    if asked is None:
        pairs = [(c, value) for c in walls for value in ends[c].values()]
    elif isinstance(asked, Mapping):
        pairs = [pair for c, side in asked.items() for pair in _sides(c, side, ends)]
    else:
        pairs = [_pair(entry) for entry in asked]
    if not pairs:
        raise DomainError(f"a layer on no face of {box}; name some, such as faces={{{box.coordinates[0]}: 'both'}}, or "
                          "leave faces out for all that are not periodic.")
    for c, value in pairs:
        if c not in walls:
            raise DomainError(f"a layer on the face {c} = {value}, across which the box has none; it has faces across {walls}.")
    found = dict.fromkeys((c, _nearest(c, real_number(value, f"the face of {c}"), ends[c], box.size)) for c, value in pairs)
    return tuple(sorted(found, key=lambda f: (box.coordinates.index(f[0]), f[1])))


def check_thickness(box: Box, thickness: float, faces: Faces) -> None:
    """Raise DomainError where layers leave nothing of a box between them."""
    for i, c in enumerate(box.coordinates):
        count = sum(f == c for f, _ in faces)
        width = box.upper[i] - box.lower[i]
        if count * thickness >= width:
            layers = f"{count} layers of {thickness:g} along {c}" if count > 1 else f"a layer of {thickness:g} along {c}"
            raise DomainError(f"{layers} in a box that is {width:g} wide there leave no room between; "
                              f"give a thickness below {width / count:g}.")


def without_layers(box: Box, thickness: float, faces: Faces) -> Box:
    """The box less its layers."""
    def inner(i: int, c: sympy.Symbol) -> tuple[float, float]:
        lower, upper, layer = exact(box.lower[i]), exact(box.upper[i]), exact(thickness)  # so that 0.3 less 0.1 is 0.2
        below, above = (int((c, end) in faces) for end in (box.lower[i], box.upper[i]))
        return float(lower + below * layer), float(upper - above * layer)

    return Box({c: inner(i, c) for i, c in enumerate(box.coordinates)}, box.periodic)


def depths(box: Box, thickness: float, faces: Faces, power: float) -> Layers:
    """The depth into the layers along each coordinate, to a power: (x − (b − L))^p above b − L, ((a + L) − x)^p below a + L.

    By cases rather than with Max, whose second derivative sympy writes with DiracDelta.
    """
    inner = without_layers(box, thickness, faces)

    def depth(i: int, c: sympy.Symbol) -> sympy.Expr:
        below, above = exact(inner.lower[i]) - c, c - exact(inner.upper[i])
        cases = [(gap ** exact(power), gap > 0) for gap, end in ((below, 0), (above, 1))
                 if inner.bounds[i, end] != box.bounds[i, end]]
        return sympy.Piecewise(*cases, (0, True)) if cases else sympy.S.Zero

    return {c: depth(i, c) for i, c in enumerate(box.coordinates)}


def _sides(coordinate: Any, side: Any, ends: Mapping[sympy.Symbol, Mapping[str, float]]) -> list[tuple[Any, Any]]:
    if coordinate not in ends:
        raise DomainError(f"faces names {coordinate}, and the box has the coordinates {tuple(ends)}.")
    if side not in ("both", "lower", "upper"):
        raise DomainError(f"faces={{{coordinate}: {side!r}}}; choose 'both', 'lower' or 'upper'.")
    return [(coordinate, value) for name, value in ends[coordinate].items() if side in ("both", name)]


def _pair(entry: Any) -> tuple[Any, Any]:
    if not isinstance(entry, (tuple, list)) or len(entry) != 2:
        raise DomainError(f"faces holds {entry!r}; expected (coordinate, value) pairs, such as [(x, -1), (x, 1)], or "
                          "a dict such as {x: 'both'}.")
    return entry[0], entry[1]


def _nearest(coordinate: sympy.Symbol, value: float, ends: Mapping[str, float], size: float) -> float:
    for end in ends.values():
        if abs(end - value) <= 1e-9 * size:
            return end
    raise DomainError(f"{coordinate} = {value:g} is no face of the box; its faces across {coordinate} are at "
                      f"{' and '.join(f'{end:g}' for end in ends.values())}.")


def _wavenumber(value: Any) -> Any:
    """k as a float, or an expression of parameters.

    Raises:
        DomainError: something else, or not positive.
    """
    expression = sympy.sympify(value)
    if not expression.free_symbols:
        return positive(value, "the wavenumber")
    strange = {s for s in expression.free_symbols if not isinstance(s, (Parameter, RangedParameter))}
    if strange:
        raise DomainError(f"the wavenumber {expression} holds {sorted(map(str, strange))}; in the layers it is a positive "
                          "number or a Parameter.")
    if lowest(expression) <= 0:
        raise DomainError(f"the wavenumber {expression} is {lowest(expression):g}; expected a positive number.")
    return expression
