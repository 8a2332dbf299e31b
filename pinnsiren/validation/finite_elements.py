"""An independent reference on curved domains of the plane: quadratic finite elements on triangles, by scikit-fem."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from pinnsiren.check import undetermined_constants
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.sampling import Points
from pinnsiren.symbols import Field
from pinnsiren.validation.finite_difference.refinement import estimated_error
from pinnsiren.validation.reference import Array, Reference, ReferenceSolution, without_mean
from pinnsiren.validation.triangles.elements import Elements, elements, solved
from pinnsiren.validation.triangles.weak_form import WeakForm, unfit, weak_form

SIZES = (1 / 16, 1 / 32, 1 / 64, 1 / 128)  # the last takes some ten seconds
LARGEST, SMALLEST = 1 / 8, 1 / 400  # the coarsest of three meshes still has a shape; the finest 300 000 unknowns
ORDER = 3  # of the L2 error of quadratic elements where the solution is smooth
BALANCED = 0.8  # a constant that is missing inside and does not shrink to this on half the size is no error of the mesh
IMBALANCE = 1e-8  # of the field: less is rounding
ROUNDING = 1e-11  # relative: of sparse factors of 10⁵ unknowns


@dataclass(frozen=True)
class FiniteElements(Reference):
    """Quadratic finite elements of the problem's own equation, in a weak form that is derived from it; on plane domains.

    For one real field on one domain that is not a box, with an elliptic equation A : ∇∇u + G(x, u, ∇u) = 0 and on each
    part of the boundary u = g or n·A∇u = h(x, u). Edges on the boundary are curved, and triangles become smaller
    towards corners that point inwards and places where a value gives way to a flux, so that the order is 3 there, too.
    Needs the extra ``fem`` (scikit-fem).

    Args:
        size: of the triangles, relative to the longest side of the domain's bounds, at most 1/8; None tries smaller and
            smaller ones.

    Raises:
        ReferenceError: another size.
    Reference: Ciarlet, The finite element method for elliptic problems, §4.3, 4.4 (curved quadratic triangles).
    """

    size: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None and not SMALLEST <= self.size <= LARGEST:
            raise ReferenceError(f"FiniteElements(size={self.size}); expected a size from {SMALLEST} to {LARGEST} of the "
                                 "domain's, so that two coarser meshes can tell its error.")

    def unfit(self, problem: Problem) -> str | None:
        if find_spec("skfem") is None:
            return "finite elements need scikit-fem: pip install 'pinnsiren[fem]'"
        return unfit(problem)

    def refinements(self, problem: Problem) -> Iterator[Reference]:
        for size in SIZES if self.size is None else (self.size,):
            yield FiniteElements(size)

    def cost(self, problem: Problem) -> float:
        return 1.0 + 6e-4 / self._decided() ** 2

    def compute(self, problem: Problem, points: Points) -> ReferenceSolution:
        """Solve with triangles of the size, twice and four times as large."""
        size = self._decided()
        reason = self.unfit(problem)
        if reason:
            raise ReferenceError(f"no finite elements: {reason}.")
        form, free = weak_form(problem), bool(undetermined_constants(problem.real))
        meshes = [elements(form, factor * size) for factor in (1, 2, 4)]
        found = [solved(form, mesh, free_constant=free) for mesh in meshes]
        if free:
            _require_balance(found)
        values = [without_mean(_at(form, mesh, u, points), free_constant=free)
                  for mesh, (u, _) in zip(meshes, found, strict=True)]
        error = estimated_error(*values, fastest=0.5**ORDER) + ROUNDING
        return ReferenceSolution(f"quadratic finite elements on {len(meshes[0].places)} triangles",
                                 dict.fromkeys(problem.fields, error), _values(form, meshes[0], found[0][0]))

    def _decided(self) -> float:
        if self.size is None:
            raise ReferenceError(f"{self} leaves open what to compute; take one of its refinements(problem).")
        return self.size


def _require_balance(found: Sequence[tuple[Array, float]]) -> None:
    """The constants that had to be added to the equation inside must vanish as the triangles become smaller."""
    fine, middle = (abs(missing) for _, missing in found[:2])
    if fine > BALANCED * middle and fine > IMBALANCE * float(np.abs(found[0][0]).max()):
        raise ReferenceError("no solution exists: the field is determined up to a constant only, and its equation inside "
                             f"does not balance its boundary conditions (a constant {fine:.3g} is missing inside; expected "
                             "0). Check the forcing against the boundary fluxes.")


def _at(form: WeakForm, mesh: Elements, u: Array, points: Points) -> Array:
    columns = [points.coordinates.index(c) for c in form.domain.coordinates]
    return mesh.evaluate(u, points.values[:, columns])


def _values(form: WeakForm, mesh: Elements, u: Array) -> Callable[[Field, Points], Array]:
    return lambda field, points: _at(form, mesh, u, points)
