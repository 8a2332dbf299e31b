"""Which equations have a real characteristic variety, and which faces mirror the solution."""

import math

import pytest
import sympy

import pinnsiren as ps
from pinnsiren.solvers.features import Features
from pinnsiren.solvers.mirrors import mirrors_of, satisfied_by
from pinnsiren.solvers.symbol import has_sources, variety_of

x, y = ps.coordinates("x y")
t = ps.time("t")
u, v = ps.Field("u", x, t), ps.Field("v", x, t)
w = ps.Field("w", x, y)
strip = ps.Interval(x, 0, 3) * ps.Interval(t, 0, 2)
square = ps.Box({x: (-1, 1), y: (-1, 1)})
wave = u.diff(t, 2) - 4 * u.diff(x, 2)


def inside(*equations, domain=strip):
    field = next(iter(sympy.sympify(equations[0]).atoms(ps.Field)))
    return ps.Problem(*(ps.Equation(e).on(domain.interior) for e in equations), ps.Equation(field).on(domain.boundary))


@pytest.mark.parametrize(("equation", "domain", "terms", "along"), [
    (wave, strip, {(0, 2): -1.0, (2, 0): 4 / 1.5**2}, (1,)),  # half-widths 3/2 and 1, the largest coefficient made 1
    (2 * wave + x * t, strip, {(0, 2): -1.0, (2, 0): 4 / 1.5**2}, (1,)),
    (wave + 9 * u, strip, {(0, 2): -1.0, (2, 0): 4 / 1.5**2, (0, 0): 9.0}, (1,)),
    (u.diff(t) + 3 * u.diff(x), strip, {(0, 1): 1.0, (1, 0): 2.0}, (1,)),
    (u.diff(t) + u.diff(x, 3), strip, {(0, 1): 1.0, (3, 0): -1 / 1.5**3}, (1,)),
    (u.diff(t, 2) + u.diff(x, 4), strip, {(0, 2): -1.0, (4, 0): 1 / 1.5**4}, (1,)),
    (ps.laplacian(w) + ps.Parameter("k", 5) ** 2 * w, square, {(0, 0): 25.0, (2, 0): -1.0, (0, 2): -1.0}, (0, 1))])
def test_symbols(equation, domain, terms, along) -> None:
    variety = variety_of(inside(equation, domain=domain))
    size = max(map(abs, terms.values()))
    found, expected = dict(variety.terms), {o: a / size for o, a in terms.items()}
    sign = math.copysign(1, found[(0, 2)] * expected[(0, 2)]) if (0, 2) in found else 1
    assert found == pytest.approx({o: sign * a for o, a in expected.items()})
    assert variety.along == along


@pytest.mark.parametrize(("equations", "domain"), [
    ((u.diff(t) - u.diff(x, 2),), strip), ((ps.laplacian(w),), square), ((ps.laplacian(w) - w,), square),
    ((u.diff(t, 2) - (1 + x) * u.diff(x, 2),), strip), ((wave + u**3,), strip), ((wave + u.diff(t),), strip),
    ((wave + v, v.diff(t, 2) - v.diff(x, 2)), strip), ((wave, v.diff(t, 2) - v.diff(x, 2)), strip),
    ((ps.laplacian(w) + 1e-4 * w,), square)])
def test_equations_without_one(equations, domain) -> None:
    assert variety_of(inside(*equations, domain=domain)) is None


def test_two_fields_with_one_symbol_share_it() -> None:
    assert variety_of(inside(wave, 2 * wave.subs(u, v).doit())) == variety_of(inside(wave))


def test_a_wave_of_a_periodic_coordinate_is_solved_for_the_other() -> None:
    ring = ps.Box({x: (-1, 1), y: (-1, 1)}, periodic=(x,))
    assert variety_of(inside(ps.laplacian(w) + 25 * w, domain=ring)).along == (1,)


def test_sources() -> None:
    assert not has_sources(inside(wave))
    assert has_sources(inside(wave - sympy.sin(x)))


def started(*initial, equation=wave, lateral=u):
    return ps.Problem(ps.Equation(equation).on(strip.interior), ps.Equation(lateral).on(strip.boundary),
                      *(ps.Equation(e).on(strip.initial) for e in initial))


@pytest.mark.parametrize(("problem", "mirror"), [
    (started(u - sympy.sin(x), u.diff(t)), (1, -1, 1)),
    (started(u, u.diff(t) - sympy.sin(x)), (1, -1, -1)),
    (started(u - sympy.sin(x), u.diff(t) - x), None),
    (started(u - sympy.exp(x), u.diff(t), equation=wave - sympy.cos(t)), (1, -1, 1)),
    (started(u - sympy.exp(x), u.diff(t), equation=wave - t), None),
    (started(u - sympy.exp(x), u.diff(t), equation=wave + u**3), (1, -1, 1)),
    (started(u - sympy.exp(x), u.diff(t), equation=wave + u.diff(t)), None),
    (started(u - sympy.exp(x), u.diff(t), lateral=u - t), None),
    (started(u - sympy.exp(x), u.diff(t), lateral=ps.normal_derivative(u)), (1, -1, 1))])
def test_mirrors_in_time(problem, mirror) -> None:
    assert [m for m in mirrors_of(problem) if m[0] == 1] == ([] if mirror is None else [mirror])


def test_mirrors_in_space() -> None:
    flux = ps.Equation(ps.normal_derivative(w)).on(square.face(x, 1))
    rest = [ps.Equation(w - y).on(square.face(c, s)) for c, s in ((x, -1), (y, -1), (y, 1))]
    assert mirrors_of(ps.Problem(ps.Equation(ps.laplacian(w) + w).on(square.interior), flux, *rest))[0] == (0, 1, 1)
    assert mirrors_of(ps.Problem(ps.Equation(ps.laplacian(w) - x).on(square.interior), flux, *rest)) == ()
    half = ps.Equation(ps.normal_derivative(w)).on(square.face(x, 1).where(y > 0))
    assert mirrors_of(ps.Problem(ps.Equation(ps.laplacian(w) + w).on(square.interior), half, *rest)) == ()


def heated(source, left=0, right=0, *, where=square, nonlinear=0):
    faces = [ps.Equation(w - g).on(where.face(x, end)) for g, end in ((left, -1), (right, 1))]
    return ps.Problem(ps.Equation(ps.laplacian(w) + nonlinear * w**3 - source).on(where.interior), *faces,
                      *(ps.Equation(w).on(where.face(y, end)) for end in where.bounds[1]))


@pytest.mark.parametrize(("problem", "mirrors"), [
    (heated(1), [(0, 0, 1), (1, 0, 1)]),
    (heated(x), [(0, 0, -1), (1, 0, 1)]),
    (heated(x * sympy.exp(y)), [(0, 0, -1)]),
    (heated(sympy.exp(x), left=1, right=1), [(1, 0, 1)]),
    (heated(x**2, left=y, right=y), [(0, 0, 1)]),
    (heated(x**2, left=y, right=-y), []),
    (heated((y - 1) ** 2, where=ps.Box({x: (-1, 1), y: (0, 2)})), [(0, 0, 1), (1, 0, 1)]),
    (heated(1, nonlinear=1), []),  # a solution need not be as symmetric as its problem
    (ps.Problem(ps.Equation(ps.laplacian(w) - x).on((square - ps.Disc({x: 0, y: 0.2}, 0.3)).interior),
                ps.Equation(w).on((square - ps.Disc({x: 0, y: 0.2}, 0.3)).boundary)), [(0, 0, -1)]),
])
def test_symmetry_about_middle_planes(problem, mirrors) -> None:
    assert list(mirrors_of(problem)) == mirrors


def test_conditions_on_mirrored_faces_hold_by_themselves() -> None:
    problem = started(u - sympy.sin(x), u.diff(t))
    assert satisfied_by(problem, mirrors_of(problem)) == {problem.constraints[-1].name}


def test_laws_in_the_order_of_trial() -> None:
    assert Features.of(inside(wave)).shares == (1.0, 0.5, 0.0)
    assert Features.of(inside(wave - sympy.sin(x))).shares == (0.0, 0.5)
    assert Features.of(inside(u.diff(t) - u.diff(x, 2))).shares == (0.0,)


def test_bands_on_the_variety_end_where_it_ends() -> None:
    features = Features.of(inside(ps.laplacian(w) + 25 * w, domain=square))
    assert max(max(b.widths) for b in features.candidates(1.0)) == pytest.approx(5.0, rel=1e-2)
    assert max(max(b.widths) for b in features.candidates(0.5)) == 48.0


def test_how_many_features_the_variety_needs() -> None:
    features = Features.of(inside(wave))
    band = features.candidates(1.0)[0]
    assert features.mirrors == ((0, 0, 1),)  # nothing says that it is not symmetric
    assert features.modes(band) == pytest.approx(2 * band.widths[0] / math.pi)  # ±, times two ends of the band, half of it
    mirrored = Features.of(started(u - sympy.sin(x), u.diff(t)))
    assert mirrored.mirrors == ((1, -1, 1),)
    assert mirrored.modes(band) == pytest.approx(features.modes(band))  # one mirror each
