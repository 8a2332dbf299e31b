"""Equations C_m(a(x), Φ, ∇Φ, …) = 0, and the regions Ω_m that they hold on."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import sympy

from pinnsiren.complex_parts import in_real_fields, is_real, real_and_imaginary
from pinnsiren.domains.region import Region
from pinnsiren.errors import EquationError
from pinnsiren.partials import in_partials

Norm = Literal["l2", "l1", "huber"]


@dataclass(frozen=True)
class Equation:
    """lhs = rhs, or lhs = 0: one equation, or several when the sides are vectors.

    Args:
        lhs, rhs: expressions in fields, coordinates, parameters and data; or matrices, tuples, lists of them with the
            same number of components (a scalar rhs is meant for each).
        name: how reports call it; by default it is named after its region.

    Raises:
        EquationError: a side that is not an expression, or sides of different length.
    """

    lhs: Any
    rhs: Any = 0
    name: str | None = None

    def __post_init__(self) -> None:
        left, right = components(self.lhs), components(self.rhs)
        if len(left) != len(right) and len(right) != 1:
            raise EquationError(f"an equation's left side has {len(left)} components, its right side {len(right)}; "
                                "give one for each.")
        object.__setattr__(self, "lhs", left if len(left) > 1 else left[0])
        object.__setattr__(self, "rhs", right if len(right) > 1 else right[0])

    @cached_property
    def residuals(self) -> tuple[sympy.Expr, ...]:
        """lhs − rhs of each component, as the user wrote them."""
        left, right = components(self.lhs), components(self.rhs)
        return tuple(a - b for a, b in zip(left, right * (len(left) // len(right)), strict=True))

    @cached_property
    def flat(self) -> tuple[sympy.Expr, ...]:
        """The residuals over :class:`~pinnsiren.partials.Partial` symbols (see :func:`in_partials`), all real.

        A complex residual is two: its real part and its imaginary part, unless one of them is 0 throughout.
        """
        return tuple(part for r in self.residuals for part in _real_parts(in_partials(in_real_fields(r))))

    def on(self, region: Region, weight: float = 1.0, norm: Norm = "l2", points: int | None = None) -> "Constraint":
        """This equation for all x in a region.

        Args:
            region: where it holds, such as ``domain.interior`` or ``domain.boundary``.
            weight: its share in the loss, multiplying the mean square of its residual; dimensionless, > 0.
            norm: "l2", or "l1" / "huber" for data with outliers (a reweighting of the rows).
            points: how many points to sample there; by default ``solve`` chooses.
        """
        return Constraint(self, region, weight=weight, norm=norm, points=points)

    def _repr_latex_(self) -> str:
        return f"$${equation_latex(self)}$$"


@dataclass(frozen=True)
class Constraint:
    """One equation on one region: C_m = 0 on Ω_m. Made by :meth:`Equation.on`."""

    equation: Equation
    region: Region
    weight: float = 1.0
    norm: Norm = "l2"
    points: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.region, Region):
            raise EquationError(f"an equation was put on {self.region!r}; expected a region such as domain.interior, "
                                "domain.boundary or a PointSet.")
        if not (isinstance(self.weight, (int, float)) and math.isfinite(self.weight) and self.weight > 0):
            raise EquationError(f"the weight of a constraint is {self.weight!r}; give a finite number > 0.")
        if self.norm not in get_args(Norm):
            raise EquationError(f"norm={self.norm!r} is not known; choose one of {', '.join(get_args(Norm))}.")
        if self.points is not None and (not isinstance(self.points, int) or self.points < 1):
            raise EquationError(f"points={self.points!r}; give a whole number >= 1, or None to let solve choose.")

    @property
    def residuals(self) -> tuple[sympy.Expr, ...]:
        """The equation's residuals over partials, one for each component."""
        return self.equation.flat


def components(side: Any) -> tuple[sympy.Expr, ...]:
    """The expressions of one side of an equation.

    Raises:
        EquationError: it holds something else.
    """
    parts = list(side) if isinstance(side, (sympy.MatrixBase, list, tuple)) else [side]
    try:
        expressions = tuple(sympy.sympify(p, strict=True) for p in parts)
    except sympy.SympifyError as error:
        raise EquationError(f"an equation's side is {side!r}; expected a sympy expression or a number.") from error
    if not parts or not all(isinstance(e, sympy.Expr) for e in expressions):
        raise EquationError(f"an equation's side is {side!r}; expected a sympy expression, a number, or a vector of them.")
    return expressions


def _real_parts(flat: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The real residuals that a residual over partials stands for."""
    if is_real(flat):
        return (real_and_imaginary(flat)[0],)
    parts = tuple(part for part in real_and_imaginary(flat) if part != 0)
    return parts or (sympy.S.Zero,)


def equation_latex(equation: Equation) -> str:
    """The equation in LaTeX, without dollars."""
    def latex(side: Any) -> str:
        return str(sympy.latex(sympy.Matrix(side) if isinstance(side, tuple) else side))

    return f"{latex(equation.lhs)} = {latex(equation.rhs)}"
