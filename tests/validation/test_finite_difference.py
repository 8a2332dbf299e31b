"""Grid references: they converge at their order, know their own error, and refuse what they cannot solve."""

import itertools

import numpy as np
import pytest
import sympy
from tests.validation.manufactured import (
    EVERY,
    PLANE,
    RECTANGLE,
    SMOOTH,
    Known,
    dirichlet,
    first_order,
    neumann_only,
    one_dimension,
    system,
    three_dimensions,
    u,
    v,
    x,
    y,
)

from pinnsiren.check import undetermined_constants
from pinnsiren.domains import Box, Disc, Interval, PointSet
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Equation, Problem
from pinnsiren.symbols import Data, Field, coordinates, laplacian, normal_derivative
from pinnsiren.validation import Chebyshev, FiniteDifference
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.finite_difference.refinement import estimated_error

ROUNDING = 3e-15


def names(make):
    return make.__name__


def errors_of(reference, problem, exact):
    """(true, estimated) relative L2 errors of a reference, the largest over the fields."""
    inside, _ = comparison_points(problem)
    found = reference.compute(problem, inside)
    true, free = [], undetermined_constants(problem)
    for field in problem.fields:
        a, b = found.values(field, inside), Known(problem, exact)(field, inside.values)
        a, b = (a - a.mean(), b - b.mean()) if field in free else (a, b)
        true.append(np.linalg.norm(a - b) / np.linalg.norm(b))
        assert found.error[field] > true[-1], f"{reference} claims {found.error[field]:.2e} and is {true[-1]:.2e} off"
    return max(true), max(found.error.values())


# finest grids where the order is asymptotic and rounding still far
CELLS = {2: (64, 128), 4: (64, 128), 6: (48, 96)}


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("make", [*PLANE, one_dimension, first_order], ids=names)
def test_converges_at_its_order_and_never_claims_too_much(make, order):
    problem, exact = make()
    coarse, fine = CELLS[order]
    if problem.coordinates == (x,) and order == 2:
        coarse, fine = 128, 512
    (e1, d1), (e2, _) = (errors_of(FiniteDifference(order, n), problem, exact) for n in (coarse, fine))
    rate = np.log(e1 / e2) / np.log(fine / coarse)
    assert abs(rate - order) < 0.1
    assert d1 < 12 * e1  # and does not claim far too little
