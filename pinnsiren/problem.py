"""The problem that equations C_m(a(x), Φ, ∇Φ, …) = 0 on regions Ω_m make together."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any

import sympy

from pinnsiren.check import Finding, findings
from pinnsiren.complex_parts import is_real, real_and_imaginary
from pinnsiren.domains.parametric import PointSetProduct, RegionProduct
from pinnsiren.domains.part import BoundaryOf
from pinnsiren.domains.pointset import PointSet
from pinnsiren.domains.region import Face, Region, Where
from pinnsiren.equation import Constraint, Equation, components, equation_latex
from pinnsiren.errors import EquationError, ProblemError
from pinnsiren.partials import Partial, is_linear
from pinnsiren.symbols import Data, Field, Parameter, RangedParameter, Unknown

if TYPE_CHECKING:
    from pinnsiren.ansatz import Ansatz
    from pinnsiren.pml import PML

@dataclass(frozen=True, init=False)
class Problem:
    """A boundary-value problem: constraints that hold together. Immutable.

    Args:
        constraints: equations put on regions, at least one.
        name: how files and reports call it.
        exact: the solution where it is known, an expression for each field in its coordinates — or in a Data symbol
            that a PointSet of the problem carries. Used by :func:`validate`, never by :func:`solve`.
        tolerance: the relative L2 error up to which a solution counts as right when it is validated; dimensionless.
        remark: a sentence to print beside results, such as the accuracy that the data allow.
        compared: the region on which a solution is compared with a reference, where that is not all of the interior: a
            perfectly matched layer is no part of the physics.
        layer: the perfectly matched layer that the equations hold: :func:`validate` measures what it sends back, and
            compares in its physical box unless ``compared`` says otherwise.
        ansatz: how the fields are written in those that networks carry (see :mod:`pinnsiren.ansatz`); by default
            ``solve`` chooses.

    Raises:
        ProblemError: nothing given, something that is not a constraint, or no field in any equation.
    """

    constraints: tuple[Constraint, ...]
    name: str | None = None
    exact: Mapping[Field, sympy.Expr] | None = field(default=None, hash=False)
    tolerance: float = 1e-3
    remark: str = ""
    compared: Region | None = None
    ansatz: "Ansatz | None" = field(default=None, hash=False)
    layer: "PML | None" = None

    def __init__(self, *constraints: Constraint, name: str | None = None, exact: Mapping[Field, Any] | None = None,
                 tolerance: float = 1e-3, remark: str = "", compared: Region | None = None,
                 ansatz: "Ansatz | None" = None, layer: "PML | None" = None) -> None:
        for c in constraints:
            if not isinstance(c, Constraint):
                raise ProblemError(f"a problem is made of constraints, and was given {c!r}; "
                                   "put an equation on a region: Equation(…).on(domain.interior).")
        if not any(r.has(Field) for c in constraints for r in c.equation.residuals):
            raise ProblemError("no equation of the problem has a field; declare one with ps.Field('u', x, y).")
        if not (isinstance(tolerance, (int, float)) and math.isfinite(tolerance) and tolerance > 0):
            raise ProblemError(f"tolerance={tolerance}; give a relative error > 0, such as 1e-3.")
        if compared is not None and not isinstance(compared, Region):
            raise ProblemError(f"compared={compared!r}; expected a region such as pml.physical.interior.")
        set_once = object.__setattr__
        set_once(self, "constraints", _named(constraints))
        set_once(self, "name", name)
        set_once(self, "exact", None if exact is None else {f: sympy.sympify(e) for f, e in exact.items()})
        set_once(self, "tolerance", tolerance)
        set_once(self, "remark", remark)
        set_once(self, "compared", layer.physical.interior if compared is None and layer is not None else compared)
        set_once(self, "ansatz", ansatz)
        set_once(self, "layer", layer)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields to be found, in the order in which the equations name them; :attr:`unknowns` are apart."""
        return tuple(dict.fromkeys(f for c in self.constraints for r in c.equation.residuals
                                   for f in sorted(r.atoms(Field), key=str) if not isinstance(f, Unknown)))

    @cached_property
    def unknowns(self) -> tuple[Unknown, ...]:
        """The scalars to be found."""
        return tuple(sorted(self._atoms(Unknown), key=str))

    @cached_property
    def carried(self) -> tuple[Field, ...]:
        """What networks carry: the real parts of all fields, then the unknown scalars."""
        return tuple(part for f in (*self.fields, *self.unknowns) for part in f.parts)

    @cached_property
    def real(self) -> "Problem":
        """The same problem in real fields: each complex one is two, each complex equation its real and imaginary part."""
        if all(f.is_real for f in self.fields) and all(is_real(r) for c in self.constraints for r in c.equation.residuals):
            return self
        constraints = [replace(c, equation=Equation([_derived(r) for r in c.residuals], name=c.equation.name))
                       for c in self.constraints]
        exact = None
        if self.exact is not None:
            exact = {part: e for f, given in self.exact.items()
                     for part, e in zip(f.parts, real_and_imaginary(given), strict=False)}
        return self.with_constraints(constraints, exact=exact)

    @cached_property
    def ranges(self) -> tuple[RangedParameter, ...]:
        """The parameters that take all values of a range."""
        return tuple(sorted(self._atoms(RangedParameter), key=str))

    @cached_property
    def periodic(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates along which every field repeats, as the domains say."""
        domains = [c.region.domain for c in self.constraints if c.region.domain is not None]
        return tuple(dict.fromkeys(c for d in domains for c in d.periodic))

    @cached_property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """All coordinates of the fields, in the order of their declaration: the columns of an array of points."""
        longest_first = sorted(self.fields, key=lambda f: -len(f.coordinates))
        return tuple(dict.fromkeys(c for f in longest_first for c in f.coordinates))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(sorted(self._atoms(Parameter), key=str))

    @cached_property
    def data(self) -> tuple[Data, ...]:
        return tuple(sorted(self._atoms(Data), key=str))

    @cached_property
    def is_linear(self) -> bool:
        """Whether every residual is affine in the fields and their derivatives, as sympy finds."""
        return all(is_linear(r) for c in self.constraints for r in c.residuals)

    @cached_property
    def bounds(self) -> dict[sympy.Symbol, tuple[float, float]]:
        """The box around all regions: (lower, upper) of each coordinate, in its unit."""
        found: dict[sympy.Symbol, tuple[float, float]] = {}
        for c in self.constraints:
            for symbol, (lower, upper) in zip(c.region.coordinates, c.region.bounds, strict=True):
                a, b = found.get(symbol, (lower, upper))
                found[symbol] = (float(min(a, lower)), float(max(b, upper)))
        return {s: found[s] for s in self.coordinates}

    def check(self) -> tuple[Finding, ...]:
        """What will not work, or may not, before anything is computed: errors first, then warnings."""
        from pinnsiren.formulation import formulate  # it knows problems: imported when used
        try:
            solved = formulate(self).problem
        except EquationError:  # an equation that cannot be read: the finding says which, and why
            solved = self
        return findings(solved)

    def at(self, **values: float) -> "Problem":
        """The problem for one value of each parameter that has a range: ``problem.at(k=7.5)``.

        Raises:
            ProblemError: a name that no such parameter has, or a value outside its range.
        """
        by_name = {k.name: k for k in self.ranges}
        for name, value in values.items():
            if name not in by_name:
                raise ProblemError(f"{name} is no parameter with a range; there are: {', '.join(by_name) or 'none'}.")
            low, high = float(by_name[name].low), float(by_name[name].high)
            if not low <= value <= high:
                raise ProblemError(f"{name} = {value:g} is outside its range, {low:g} to {high:g}, where nothing was fitted.")
        return self.with_parameters({by_name[name]: Parameter(name, value) for name, value in values.items()})

    def with_parameters(self, new: Mapping[sympy.Symbol, sympy.Symbol]) -> "Problem":
        """The problem with other parameters in place of its own: in equations, conditions, exact solution and ansatz."""
        def replaced(side: Any) -> tuple[sympy.Expr, ...]:
            return tuple(e.xreplace(new) for e in components(side))

        def elsewhere(region: Region) -> Region:
            return replace(region, condition=region.condition.xreplace(new)) if isinstance(region, Where) else region

        def all_of(expressions: Mapping[Field, sympy.Expr]) -> dict[Field, sympy.Expr]:
            return {f: e.xreplace(new) for f, e in expressions.items()}

        constraints = [replace(c, region=elsewhere(c.region),
                               equation=replace(c.equation, lhs=replaced(c.equation.lhs), rhs=replaced(c.equation.rhs)))
                       for c in self.constraints]
        return Problem(*constraints, name=self.name, exact=None if self.exact is None else all_of(self.exact),
                       tolerance=self.tolerance, remark=self.remark,
                       compared=None if self.compared is None else elsewhere(self.compared),
                       ansatz=None if self.ansatz is None else replace(self.ansatz, fields=all_of(self.ansatz.fields)),
                       layer=None if self.layer is None else self.layer.with_parameters(new))

    def substitute(self, replacements: Mapping[Field, Any]) -> "Problem":
        """The problem after a change of variables u = expression, applied to every equation.

        Args:
            replacements: an expression for each field to replace; it may hold other fields, such as g + φ·N.
        """
        def rewritten(side: Any) -> tuple[sympy.Expr, ...]:
            return tuple(e.subs(dict(replacements)).doit() for e in components(side))

        constraints = [replace(c, equation=replace(c.equation, lhs=rewritten(c.equation.lhs), rhs=rewritten(c.equation.rhs)))
                       for c in self.constraints]
        return self.with_constraints(constraints)

    def with_constraints(self, constraints: Iterable[Constraint], exact: Mapping[Field, Any] | None = None) -> "Problem":
        """The same problem with other constraints, and with an exact solution only if one is given; without ansatz."""
        return Problem(*constraints, name=self.name, exact=exact, tolerance=self.tolerance, remark=self.remark,
                       compared=self.compared, layer=self.layer)

    def _atoms(self, kind: type) -> set[Any]:
        return {a for c in self.constraints for r in c.equation.residuals for a in r.atoms(kind)}

    def _repr_latex_(self) -> str:
        lines = (rf"{equation_latex(c.equation)} & \text{{on {c.name}}}" for c in self.constraints)
        return r"$$\begin{cases}" + r"\\ ".join(lines) + r"\end{cases}$$"


def _derived(flat: sympy.Expr) -> sympy.Expr:
    """An expression over partials as sympy writes it, with derivatives of fields."""
    return flat.xreplace({p: p.derivative for p in flat.atoms(Partial)})


def _named(constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """Give every constraint a name of its own: the equation's, or the region's, numbered where they repeat."""
    taken: set[str] = set()
    named = []
    for c in constraints:
        wanted = c.name or c.equation.name or _kind(c.region)
        name = next(n for i in count(1) if (n := wanted if i == 1 else f"{wanted} {i}") not in taken)
        taken.add(name)
        named.append(replace(c, name=name))
    return tuple(named)


def _kind(region: Region) -> str:
    """A region in a word or two: "interior", "x = 1", "boundary where y > 0"."""
    if isinstance(region, Face):
        return f"{region.coordinate} = {region.value:g}"
    if isinstance(region, Where):
        return f"{_kind(region.region)} where {region.condition}"
    if isinstance(region, BoundaryOf):
        return f"boundary of {type(region.primitive).__name__.lower()}"
    if isinstance(region, (RegionProduct, PointSetProduct)):
        return _kind(region.region)
    if isinstance(region, PointSet):
        return "points"
    return type(region).__name__.lower()
