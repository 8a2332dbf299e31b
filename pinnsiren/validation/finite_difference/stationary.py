"""Solve a discretised stationary problem: Newton's method with sympy's Jacobian, one step when it is linear."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pinnsiren.errors import ReferenceError
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.assembly import System
from pinnsiren.validation.finite_difference.linear import (
    Index,
    Solve,
    by_parts,
    complex_form,
    dense_lu,
    preconditioned,
    singular,
    sparse_lu,
)
from pinnsiren.validation.finite_difference.stencils import Array

STARTS = (0.0, 1.0, -1.0)  # constants tried as first iterates; the solution under judgement is never used
MAX_ITERATIONS = 60
SHORTEST_STEP = 2.0**-12
CONVERGED = 1e-9  # of ‖u‖, for the simplified Newton correction: the next one is at rounding
ROUNDING_SAFETY = 10.0  # the last correction is a sample of the rounding error, not a bound
EPSILON = float(np.finfo(float).eps)
HOPELESS = 1e-3  # of ‖u‖, for the last correction, which is rounding amplified by the inverse: the matrix is singular


@dataclass(frozen=True, eq=False)
class GridSolution:
    """Values of every field at every node.

    Attributes:
        values: (fields, N).
        rounding: (fields,) relative size of what rounding, amplified by the inverse, leaves: several last Newton
            corrections, which see that of sums, and J⁻¹ ε |J| |u| for that of the stencils' weights, which are the same
            in row after row, so that they add up.
        imbalance: (constants,) the constant that the interior equation of each field that is determined only up to a
            constant had to be given for a solution to exist; in the equation's own unit. It tends to 0 if the problem
            is compatible.
    """

    values: Array
    rounding: Array
    imbalance: Array


def solve_system(system: System, undetermined: Sequence[Field], rough: System | None = None) -> GridSolution:
    """Solve F(u) = 0 from constant first iterates.

    Fields that are determined up to a constant get mean zero: the Jacobian is bordered by that condition and by a
    constant in their interior equations.

    Args:
        rough: the same equations with second-order differences on the same nodes, whose LU then preconditions GMRES;
            None for a direct solve.
    Raises:
        ReferenceError: the matrix is singular, or Newton's method does not converge from any start.
    """
    bordered = _Bordered(system, rough, tuple(undetermined))
    failure = ReferenceError("no start was tried")
    for start in STARTS:
        try:
            u, last, weights = _newton(bordered, bordered.start(start))
        except ReferenceError as error:
            failure = error
            continue
        split = (len(system.fields), len(system.grid))
        values, *lost = (x[:system.size].reshape(split) for x in (u, ROUNDING_SAFETY * last, weights))
        size, *lost = (np.sqrt(np.mean(x**2, axis=1)) for x in (values, *lost))
        rounding = sum(lost) / np.where(size > 0, size, 1)
        if np.linalg.norm(last) <= HOPELESS * np.linalg.norm(u):
            return GridSolution(values, rounding, u[system.size:])
        failure = singular()
    raise failure


@dataclass(frozen=True, eq=False)
class _Bordered:
    """The system with one more unknown μ and one more row, mean(u) = 0, for each undetermined constant."""

    system: System
    rough: System | None
    undetermined: tuple[Field, ...]

    def start(self, value: float) -> Array:
        u = np.zeros(self.system.size + len(self.undetermined))
        u[:self.system.size] = value
        return u

    def borders(self) -> tuple[sparse.csc_matrix, sparse.csc_matrix]:
        """Columns (size, k) that shift a field's interior rows, and rows (k, size) that take its mean."""
        n, inside = len(self.system.grid), self.system.inside
        shift = np.zeros((self.system.size, len(self.undetermined)))
        mean = np.zeros((len(self.undetermined), self.system.size))
        for k, field in enumerate(self.undetermined):
            part = slice(self.system.fields.index(field) * n, (self.system.fields.index(field) + 1) * n)
            shift[part, k] = inside[part]
            mean[k, part] = 1 / n
        return sparse.csc_matrix(shift), sparse.csc_matrix(mean)

    def residual(self, u: Array) -> Array:
        size = self.system.size
        inner = self.system.residual(u[:size])
        if not self.undetermined:
            return inner
        shift, mean = self.borders()
        return np.concatenate([inner + shift @ u[size:], mean @ u[:size]])

    def inverse(self, u: Array, matrix: sparse.csc_matrix) -> Solve:
        """b ↦ J⁻¹b for the Jacobian at u."""
        if self.rough is not None:
            return preconditioned(matrix, self._jacobian(self.rough, u))
        collocation = all(axis.order is None for axis in self.system.grid.axes)
        factorise = dense_lu if collocation else sparse_lu
        parts = self._parts()
        complex_matrix = None if parts is None else complex_form(matrix, *parts)
        if parts is None or complex_matrix is None:
            return factorise(matrix)
        return by_parts(factorise(complex_matrix), *parts)

    def _parts(self) -> tuple[Index, Index] | None:
        """Places of the real and the imaginary parts, if all fields are parts of complex ones."""
        pairs = {re: im for re in self.system.fields for im in self.system.fields
                 if (re, im) == Field(re.name.removesuffix("_re"), *re.coordinates, complex=True).parts}
        if 2 * len(pairs) < len(self.system.fields) or self.undetermined:
            return None
        starts = [np.array([self.system.fields.index(f) for f in some]) * len(self.system.grid)
                  for some in (list(pairs), list(pairs.values()))]
        real, imaginary = (np.add.outer(s, np.arange(len(self.system.grid))).ravel() for s in starts)
        return real, imaginary

    def jacobian(self, u: Array) -> sparse.csc_matrix:
        return self._jacobian(self.system, u)

    def _jacobian(self, system: System, u: Array) -> sparse.csc_matrix:
        inner = system.jacobian(u[:system.size])
        if not self.undetermined:
            return inner
        shift, mean = self.borders()
        corner = sparse.csc_matrix((len(self.undetermined), len(self.undetermined)))
        rows = sparse.hstack([inner, shift]), sparse.hstack([mean, corner])
        return sparse.csc_matrix(sparse.vstack(rows))


def _newton(system: _Bordered, u: Array) -> tuple[Array, Array, Array]:
    """Damped Newton with the natural monotonicity test; the iterate, its last correction and J⁻¹ ε |J| |u|: rounding.

    A step λp is taken if the simplified correction J⁻¹F(u + λp), with the old J, is shorter than (1 − λ/2)‖p‖.
    Reference: Deuflhard, Newton Methods for Nonlinear Problems, ch. 3.
    """
    for _ in range(MAX_ITERATIONS):
        matrix = system.jacobian(u)
        solve = system.inverse(u, matrix)
        u, correction, length = _damped(system, solve, u)
        if length == 1 and _small(correction, u):
            u = u + correction
            last = -solve(system.residual(u))
            return u + last, last, solve(EPSILON * (abs(matrix) @ np.abs(u)))
    raise _stalled(system.residual(u))


def _damped(system: _Bordered, solve: Solve, u: Array) -> tuple[Array, Array, float]:
    """The next iterate, its simplified correction, and the length of the step, halved until the test holds."""
    step = -solve(system.residual(u))
    length = 1.0
    while length > SHORTEST_STEP:
        trial = u + length * step
        value = system.residual(trial)
        if np.all(np.isfinite(value)):
            correction = -solve(value)
            if np.linalg.norm(correction) <= (1 - length / 2) * np.linalg.norm(step) or _small(step, trial):
                return trial, correction, length
        length /= 2
    raise _stalled(system.residual(u))


def _small(correction: Array, u: Array) -> bool:
    return bool(np.linalg.norm(correction) <= CONVERGED * np.linalg.norm(u))


def _stalled(residual: Array) -> ReferenceError:
    return ReferenceError("Newton's method on the grid does not converge (largest residual "
                          f"{np.abs(residual).max():.2g}; expected 0). Give problem.exact, or another grid: "
                          "FiniteDifference(order, cells), Chebyshev(nodes).")
