"""First arrivals: exact ones, those of an independent program, at their order; forms of the equation; what does not fit."""

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Disc, Interval, PointSet, Polygon
from pinnsiren.equation import Equation
from pinnsiren.errors import ReferenceError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Data, Field, coordinates, grad, laplacian, normal_derivative
from pinnsiren.validation import validate
from pinnsiren.validation.choice import fitting, reference_kinds
from pinnsiren.validation.comparison import comparison_points
from pinnsiren.validation.eikonal import FastSweeping
from pinnsiren.validation.reference import in_order
from tests.validation.manufactured import Known

x, y, z = coordinates("x y z")
T, S = Field("T", x, y), Field("S", x, y, z)
SQUARE = Box({x: (-1, 1), y: (-1, 1)})
CUBE = Box({x: (0, 1), y: (0, 1), z: (0, 1)})
SPEED = 1 + (y + 1) / 2
GENTLE = 1 + x / 2 + z


def squared(field):
    return sum(g**2 for g in grad(field))


def arrival(speed, source, symbols):
    """T from a point where the speed is affine: arccosh(1 + |a|²r²/(2 v v₀))/|a|, written without its cancellation."""
    slope = sympy.sqrt(sum(sympy.diff(speed, c) ** 2 for c in symbols))
    start = speed.subs(dict(zip(symbols, source, strict=True)))
    distance = sympy.sqrt(sum((c - p) ** 2 for c, p in zip(symbols, source, strict=True)))
    return 2 / slope * sympy.asinh(slope * distance / (2 * sympy.sqrt(start * speed)))


def from_point(source=(0.1, -0.2), left=None, speed=SPEED):
    inside = Equation(squared(T) * speed**2 if left is None else left, 1)
    return Problem(inside.on(SQUARE.interior), Equation(T, 0).on(PointSet((x, y), [source])))


def distances(domain, region, exact, field=T):
    return Problem(Equation(squared(field), 1).on(domain.interior), Equation(field, 0).on(region)), exact


def true_and_claimed(problem, exact, cells):
    inside, _ = comparison_points(problem)
    found = FastSweeping(cells).compute(problem, inside)
    (field,) = problem.fields
    values = Known(problem, {field: exact})(field, in_order(inside, problem))
    return np.linalg.norm(found.values(field, inside) - values) / np.linalg.norm(values), found.error[field]


def corner():
    box = Box({x: (-0.31, 0.22), y: (-0.4, 0.33)})
    beyond = [sympy.Max(-0.31 - x, x - 0.22, 0), sympy.Max(-0.4 - y, y - 0.33, 0)]
    near = (abs(x) < 0.5) & (abs(y) < 0.5)
    outside = SQUARE - box
    return distances(outside, outside.boundary.where(near), sympy.sqrt(beyond[0] ** 2 + beyond[1] ** 2))


def round_obstacle():
    outside = SQUARE - Disc({x: 0.1, y: 0}, 0.4)
    return distances(outside, outside.boundary.where(x**2 + y**2 < 0.5), sympy.sqrt((x - 0.1) ** 2 + y**2) - 0.4)


def in_space():
    source = (0.3, 0.4, 0.2)
    problem = Problem(Equation(sympy.sqrt(squared(S)) * GENTLE, 1).on(CUBE.interior),
                      Equation(S, 0).on(PointSet((x, y, z), [source])))
    return problem, arrival(GENTLE, source, (x, y, z))


def from_a_side():
    exact = 1 + 2 * sympy.log(SPEED)
    return Problem(Equation(squared(T) * SPEED**2, 1).on(SQUARE.interior), Equation(T, 1).on(SQUARE.face(y, -1))), exact


def slanting_in():
    exact = sympy.sqrt((x + 2) ** 2 + (y + 1.5) ** 2)
    return Problem(Equation(squared(T), 1).on(SQUARE.interior), Equation(T, exact).on(SQUARE.face(y, -1)),
                   Equation(T, exact).on(SQUARE.face(x, -1))), exact


def on_a_line():
    w, line = Field("w", x), Interval(x, 0, 2)
    return Problem(Equation(abs(w.diff(x)) * (1 + x), 1).on(line.interior),
                   Equation(w, 0).on(PointSet((x,), [[0.7]]))), abs(sympy.log((1 + x) / 1.7))


# cells at which the order shows: the coarsest of three grids has a quarter of them
CASES = {"point": (lambda: (from_point(), arrival(SPEED, (0.1, -0.2), (x, y))), (64, 128), 2.1),
         "point on a node": (lambda: (from_point((0, 0)), arrival(SPEED, (0, 0), (x, y))), (64, 128), 2.1),
         "space": (in_space, (24, 36), 2.2), "side": (from_a_side, (64, 128), 2), "sides": (slanting_in, (64, 128), 2),
         "line": (on_a_line, (100, 200), 2), "disc": (round_obstacle, (64, 128), 2), "corners": (corner, (64, 128), 2)}


@pytest.mark.parametrize("name", CASES)
def test_second_order_and_never_claims_too_much(name):
    make, cells, order = CASES[name]
    problem, exact = make()
    (coarse, _), (fine, claimed) = (true_and_claimed(problem, exact, n) for n in cells)
    assert abs(np.log(coarse / fine) / np.log(cells[1] / cells[0]) - order) < 0.25
    assert fine < claimed < 12 * fine


def test_constant_speed_is_exact():
    true, claimed = true_and_claimed(from_point(speed=sympy.Integer(3)), sympy.sqrt((x - 0.1) ** 2 + (y + 0.2) ** 2) / 3, 32)
    assert true < 1e-14 and claimed < 1e-13


@pytest.mark.parametrize("speed", [2 + sympy.sin(3 * x) * sympy.cos(4 * y),
                                   1 - 0.8 * sympy.exp(-((x - 0.4) ** 2 + y**2) / 0.05),
                                   sympy.exp(sympy.sin(9 * x + 3 * sympy.sin(5 * y)) + sympy.cos(11 * y - 7 * x))], ids=str)
def test_agrees_with_an_independent_program_where_waves_meet(speed):
    eikonalfm = pytest.importorskip("eikonalfm", reason="eikonalfm has no wheel here")
    source, cells = (-0.5, 0.25), 800
    axis = np.linspace(-1, 1, cells + 1)
    grids = np.meshgrid(axis, axis, indexing="ij")
    start = tuple(round((p + 1) * cells / 2) for p in source)
    ratio = eikonalfm.factored_fast_marching(np.ascontiguousarray(sympy.lambdify((x, y), speed)(*grids)), start,
                                             (2 / cells, 2 / cells), 2)
    marched = ratio * np.hypot(grids[0] - source[0], grids[1] - source[1])
    problem = from_point(source, speed=speed)
    inside, _ = comparison_points(problem)
    found = FastSweeping(100).compute(problem, inside)
    i, j = (np.clip(((inside.values + 1) * cells / 2).astype(int), 0, cells - 1)).T
    s, t = ((inside.values + 1) * cells / 2 - np.stack([i, j], axis=1)).T
    theirs = ((1 - s) * (1 - t) * marched[i, j] + s * (1 - t) * marched[i + 1, j]
              + (1 - s) * t * marched[i, j + 1] + s * t * marched[i + 1, j + 1])
    apart = np.linalg.norm(found.values(T, inside) - theirs) / np.linalg.norm(theirs)
    assert apart < min(5e-3, found.error[T])


def test_the_first_of_several_waves_counts():
    sources, values = [(0.5, -0.2), (-0.3, 0.1)], Data("T_0")
    problem = Problem(Equation(squared(T) * SPEED**2, 1).on(SQUARE.interior),
                      Equation(T, values).on(PointSet((x, y), sources, {values: [0.05, -0.03]})))
    exact = sympy.Min(*(v + arrival(SPEED, p, (x, y)) for v, p in zip((0.05, -0.03), sources, strict=True)))
    true, _ = true_and_claimed(problem, exact, 64)
    assert true < 3e-5
    early = Problem(Equation(squared(T), 1).on(SQUARE.interior), Equation(T, 0).on(PointSet((x, y), [(0, 0)])),
                    Equation(T, 1).on(PointSet((x, y), [(0.3, 0)])))
    with pytest.raises(ReferenceError, match=r"gives T = 1.* near .*, where waves from elsewhere arrive at 0\.1"):
        true_and_claimed(early, exact, 32)


def test_a_cloud_of_points_is_one_source():
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = PointSet((x, y), 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    problem, exact = distances(SQUARE, circle, abs(sympy.sqrt(x**2 + y**2) - 0.5))
    true, _ = true_and_claimed(problem, exact, 64)
    assert true < 2e-2


@pytest.mark.parametrize("left", [
    lambda t, v: squared(t) * v**2, lambda t, v: sympy.sqrt(squared(t)) * v, lambda t, v: 1 - squared(t) + 1 / v**2,
    lambda t, v: v / (1 / sympy.sqrt(squared(t))), lambda t, v: sympy.expand(squared(t) * v**2),
    lambda t, v: 2 - squared(t) * v**2, lambda t, v: (squared(t) * v**2) ** 2, lambda t, v: 1 + sympy.log(squared(t) * v**2)])
def test_however_it_is_written(left):
    found = FastSweeping(32).compute(from_point(left=left(T, SPEED)), comparison_points(from_point())[0])
    same = FastSweeping(32).compute(from_point(), comparison_points(from_point())[0])
    at = comparison_points(from_point())[0]
    assert np.allclose(found.values(T, at), same.values(T, at), rtol=1e-12)


def test_the_inside_of_a_polygon():
    triangle = Polygon((x, y), [(0, 0), (4, 0), (0, 3)])  # inscribed circle: radius 1
    problem, _ = distances(triangle, triangle.boundary, None)
    inside, _ = comparison_points(problem)
    found = FastSweeping(128).compute(problem, inside)
    exact = -triangle.distance(inside.values)
    assert np.linalg.norm(found.values(T, inside) - exact) < 2e-3 * np.linalg.norm(exact)
    assert found.values(T, inside).max() == pytest.approx(1, abs=0.03)


def test_conditions_that_hold_anyway_are_no_obstacle():
    box = Disc({x: 0.1, y: 0}, 0.4)
    outside = SQUARE - box
    rim = outside.boundary.where(x**2 + y**2 < 0.5)
    inside = Equation(squared(T), 1).on(outside.interior)
    leaving = Problem(inside, Equation(T, 0).on(rim), Equation(normal_derivative(T), -1).on(rim))
    assert FastSweeping().unfit(leaving) is None
    coming = Problem(inside, Equation(T, 0).on(rim), Equation(normal_derivative(T), 1).on(rim))
    assert "other than those of first arrivals" in FastSweeping().unfit(coming)


def test_it_is_found_and_judges_by_default():
    assert FastSweeping in reference_kinds()
    problem, exact = from_point(), arrival(SPEED, (0.1, -0.2), (x, y))
    assert {type(r) for r in fitting(problem)} == {FastSweeping}
    assert validate(Known(problem, {T: exact}), FastSweeping(50)).verdict == "confirmed"
    assert validate(Known(problem, {T: 1.01 * exact}), FastSweeping()).verdict == "rejected"


def in_two_fields():
    u = Field("u", x, y)
    return Problem(Equation((squared(T), squared(u)), 1).on(SQUARE.interior), Equation((T, u), 0).on(SQUARE.face(x, 1)))


def on_a_ring():
    ring = Disc({x: 0, y: 0}, 1) - Disc({x: 0, y: 0}, 0.5)
    return distances(ring, ring.boundary.where(x**2 + y**2 < 0.5), None)[0]


def laplace():
    return Problem(Equation(laplacian(T), 0).on(SQUARE.interior), Equation(T, 0).on(SQUARE.boundary))


@pytest.mark.parametrize(("problem", "reason"), [
    (laplace, "is for an eikonal equation"), (in_two_fields, "for one eikonal equation"),
    (lambda: from_point(left=T.diff(x) + T.diff(y)), "hold ∇T by its length"),
    (lambda: from_point(left=T.diff(x) ** 2 + 2 * T.diff(y) ** 2), "hold ∇T by its length"),
    (lambda: Problem(Equation(squared(T), 1).on(SQUARE.interior)), "nowhere is T itself given"),
    (on_a_ring, "rays may leave the domain through its boundary"),
])
def test_what_does_not_fit_says_why(problem, reason):
    assert reason in FastSweeping().unfit(problem())


@pytest.mark.parametrize(("problem", "message"), [
    (lambda: from_point((0.1, 1.2)), r"gives T at {'x': 0.1, 'y': 1.2}, outside the domain"),
    (lambda: from_point(left=sympy.sqrt(squared(T)) * (x + y)), "the speed must be positive"),
    (lambda: from_point(left=sympy.sqrt(squared(T)) * x**2), "the speed must be positive"),
    (lambda: Problem(Equation(squared(T), 1).on(SQUARE.interior), Equation(T, x / 2).on(Disc({x: 0, y: 0}, 0.31).boundary)),
     "vary along a curve or surface"),
])
def test_what_cannot_be_computed_says_why(problem, message):
    with pytest.raises(ReferenceError, match=message):
        FastSweeping(32).compute(problem(), comparison_points(problem())[0])


def test_bad_settings():
    with pytest.raises(ReferenceError, match="at least 16 cells"):
        FastSweeping(8)
    with pytest.raises(ReferenceError, match="leaves open"):
        FastSweeping().compute(from_point(), comparison_points(from_point())[0])
