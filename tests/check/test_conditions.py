"""Missing initial and boundary conditions are found, and complete problems pass."""

import pytest
import sympy

import pinnsiren as ps

(x,) = ps.coordinates("x")
t = ps.time("t")
u = ps.Field("u", x, t)
line = ps.Interval(x, 0, 1)
bar = line * ps.Interval(t, 0, 1)
wave = ps.Equation(u.diff(t, 2), u.diff(x, 2)).on(bar.interior)
heat = ps.Equation(u.diff(t), u.diff(x, 2)).on(bar.interior)
ends = ps.Equation(u, 0).on(bar.boundary)
start = ps.Equation(u, sympy.sin(sympy.pi * x)).on(bar.initial)
speed = ps.Equation(u.diff(t), 0).on(bar.initial)


def messages(*constraints: ps.Constraint) -> list[str]:
    return [str(f) for f in ps.Problem(*constraints).check()]


def test_complete_problems_pass() -> None:
    assert messages(wave, ends, start, speed) == []
    assert messages(heat, ends, start) == []


@pytest.mark.parametrize(("constraints", "message"), [
    ((wave, ends, start), r"error: .*needs 2 initial conditions.*only that of u\(x, t\) is given.*Derivative\(u\(x, t\), t\)"),
    ((wave, ends), "needs 2 initial conditions.*none is given"),
    ((heat, ends), "needs 1 initial condition for.*none is given"),
    ((wave, ends, start, start), "needs 2 initial conditions"),
])
def test_missing_initial_conditions_are_errors(constraints, message) -> None:
    import re
    (found,) = messages(*constraints)
    assert re.search(message, found), found
    with pytest.raises(ps.ProblemError, match="initial condition"):
        ps.solve(ps.Problem(*constraints), max_time=1)


def test_an_initial_condition_on_a_face_of_a_box_counts() -> None:
    box = ps.Box({x: (0, 1), t: (0, 1)})
    inside = ps.Equation(u.diff(t), u.diff(x, 2)).on(box.interior)
    sides = [ps.Equation(u, 0).on(box.face(x, end)) for end in (0, 1)]
    assert messages(inside, *sides, ps.Equation(u, 0).on(box.face(t, 0))) == []
    assert any("initial condition" in m for m in messages(inside, *sides))


def test_data_may_take_the_place_of_initial_conditions() -> None:
    d = ps.Data("d")
    measured = ps.PointSet((x, t), [[0.1, 0.1], [0.5, 0.5], [0.6, 0.2], [0.3, 0.9]], {d: [1, 2, 3, 4]})
    (found,) = messages(heat, ends, ps.Equation(u, d).on(measured))
    assert found.startswith("warning")


def test_periodic_time_needs_no_initial_condition() -> None:
    loop = line * ps.Interval(t, 0, 1, periodic=True)
    assert messages(ps.Equation(u.diff(t), u.diff(x, 2)).on(loop.interior), ps.Equation(u, 1).on(loop.boundary)) == []


def test_a_bare_part_of_the_boundary_is_named() -> None:
    v = ps.Field("v", x)
    inside = ps.Equation(v.diff(x, 2), 1).on(line.interior)
    left = ps.Equation(v, 0).on(line.face(x, 0))
    (found,) = messages(inside, left)
    assert "no condition for v(x) holds on the boundary at x = 1" in found
    assert messages(inside, left, ps.Equation(v.diff(x), 0).on(line.face(x, 0))) == []  # Cauchy data
    assert messages(inside, left, ps.Equation(v, 0).on(line.face(x, 1))) == []


def test_data_outside_the_domain_are_an_error() -> None:
    v, d = ps.Field("v", x), ps.Data("d")
    inside = ps.Equation(v.diff(x, 2), 1).on(line.interior)
    around = ps.Equation(v, 0).on(line.boundary)
    measured = ps.PointSet(x, [[0.1], [0.5], [1.5], [0.9], [1.0]], {d: [1, 2, 3, 4, 5]})
    (found,) = messages(inside, around, ps.Equation(v, d).on(measured))
    assert "error: 1 of 5 points of 'points' lie outside the domain, the first at x = 1.5" in found
    assert messages(inside, around, ps.Equation(v, d).on(measured.where(x <= 1))) == []
