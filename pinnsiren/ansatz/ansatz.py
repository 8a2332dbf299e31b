"""What an ansatz is: fields as expressions of new fields, and the constraints that then hold whatever those are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy

from pinnsiren.check.evaluation import evaluate
from pinnsiren.equation import Constraint
from pinnsiren.errors import EquationError
from pinnsiren.partials import Partial
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field, Normal

SAMPLES = 128
IDENTICAL = 1e-10  # of the size of a constraint's data: rounding of what cancels, far below any solve's accuracy


@dataclass(frozen=True, eq=False)
class Ansatz:
    """How fields are written in those that networks carry.

    Args:
        fields: for each field that is replaced, an expression of new fields and coordinates.
        satisfied: names of the constraints that then hold identically, whatever the new fields are.
        remark: a sentence that says what was done, for reports.
    """

    fields: Mapping[Field, sympy.Expr]
    satisfied: tuple[str, ...] = ()
    remark: str = ""

    @property
    def carried(self) -> tuple[Field, ...]:
        """The new fields, in alphabetical order."""
        return tuple(sorted({f for e in self.fields.values() for f in e.atoms(Field)} - set(self.fields), key=str))

    def then(self, other: "Ansatz") -> "Ansatz":
        """This ansatz with its new fields written as another one says; what it satisfies, it still does."""
        old = {f: e.subs(dict(other.fields)) for f, e in self.fields.items()}
        rest = {f: e for f, e in other.fields.items() if f not in self.carried}
        remark = "; ".join(r for r in (self.remark, other.remark) if r)
        return Ansatz({**old, **rest}, tuple(dict.fromkeys((*self.satisfied, *other.satisfied))), remark)


def new_field(field: Field, letter: str = "N") -> Field:
    """The field N_u that takes the place of u: of the same coordinates, complex if u is."""
    return Field(f"{letter}_{field.name}", *field.coordinates, complex=not field.is_real)


def verified(ansatz: Ansatz, problem: Problem, names: Iterable[str] | None = None) -> Ansatz:
    """The ansatz with ``satisfied`` as found: what is zero at sampled points for two arbitrary choices of the new fields.

    Args:
        names: the constraints to look at; by default all. Others are not called satisfied.
    """
    misses = violated(ansatz, problem, names)
    return replace(ansatz, satisfied=tuple(name for name, size in misses.items() if size <= IDENTICAL))


def violated(ansatz: Ansatz, problem: Problem, names: Iterable[str] | None = None) -> dict[str, float]:
    """By how much an ansatz misses constraints: without new fields, relative to their data; and what new fields change.

    Infinite where that cannot be evaluated.
    """
    wanted = {c.name for c in problem.constraints} if names is None else set(names)
    widths = {c: b - a for c, (a, b) in problem.bounds.items()}
    size = max((_size(c, widths) for c in problem.real.constraints if c.name in wanted), default=0.0) or 1.0
    return {c.name: _violation(ansatz, problem, c, size) for c in problem.constraints if c.name in wanted}


def _size(constraint: Constraint, widths: Mapping[sympy.Symbol, float]) -> float:
    """The size of a constraint's data, or of its change across the domain: sin πx is not 1e-16 on x = 1."""
    known = [r.xreplace(_zero(r)) for r in constraint.residuals]
    return max(_largest(constraint, [e, *(w * sympy.diff(e, c) for c, w in widths.items())]) for e in known)


def _violation(ansatz: Ansatz, problem: Problem, constraint: Constraint, size: float) -> float:
    (substituted,) = problem.with_constraints([constraint]).substitute(ansatz.fields).real.constraints
    alone = [r.xreplace(_zero(r)) for r in substituted.residuals]
    # what the new fields add is their own size times something; that of _arbitrary is about one
    added = [r.xreplace({p: _arbitrary(p, choice) for p in r.atoms(Partial)}) - known
             for r, known in zip(substituted.residuals, alone, strict=True) for choice in (0, 1)]
    return max(_largest(substituted, alone) / size, _largest(substituted, added))


def _zero(residual: sympy.Expr) -> dict[Partial, sympy.Expr]:
    return dict.fromkeys(residual.atoms(Partial), sympy.S.Zero)


def _largest(constraint: Constraint, expressions: Iterable[sympy.Expr]) -> float:
    """The largest value of some field-free expressions at sampled points of a constraint; infinite if there is none."""
    columns, normals = _columns(constraint.region.sample(SAMPLES, seed=1))
    try:
        found = [np.abs(evaluate(e.xreplace(normals), columns)).max() for e in expressions]
    except EquationError:  # something that numpy has no values for: not known to hold
        return np.inf
    return float(max(found)) if np.isfinite(found).all() else np.inf


def _arbitrary(partial: Partial, choice: int) -> sympy.Expr:
    """A partial of a smooth function without symmetries in place of the field's."""
    slopes = [sympy.Rational(7 + 4 * i + 3 * choice, 10) for i in range(len(partial.field.coordinates))]
    shift = sum(map(ord, partial.field.name)) % 7 + choice
    phase = sympy.Add(*[a * c for a, c in zip(slopes, partial.field.coordinates, strict=True)]) + shift
    powers = sympy.Mul(*[a**k for a, k in zip(slopes, partial.orders, strict=True)])
    return powers * sympy.sin(phase + partial.order * sympy.pi / 2) + (2 if partial.order == 0 else 0)


def _columns(points: Points) -> tuple[dict[sympy.Symbol, np.ndarray], dict[sympy.Symbol, sympy.Symbol]]:
    """Columns of coordinates, data and normals, and the plain symbols that stand for the normals among them."""
    columns = {**dict(zip(points.coordinates, points.values.T, strict=True)), **points.data}
    normals: dict[sympy.Symbol, sympy.Symbol] = {}
    if points.normals is not None:
        normals = {Normal(c): sympy.Dummy(f"n_{c.name}", real=True) for c in points.coordinates}
        columns |= dict(zip(normals.values(), points.normals.T, strict=True))
    return columns, normals
