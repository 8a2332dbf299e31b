"""Evolution problems with known solutions, to test references: conditions of every kind, systems, one and two dimensions."""

import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, div, grad, laplacian, normal_derivative, time

x, y, z = coordinates("x y z")
t = time("t")
u, v = Field("u", x, t), Field("v", x, t)
w = Field("w", x, y, t)
LINE = Interval(x, 0, 1) * Interval(t, 0, 1)
CIRCLE = Interval(x, -1, 1, periodic=True) * Interval(t, 0, 1)
SQUARE = Box({x: (0, 1), y: (-1, 0.5)}) * Interval(t, 0.5, 1)
WAVE = sympy.sin(3 * x - 2 * t) + x * sympy.cos(t)
PLANE = sympy.sin(4 * y + 3 * x + t) + x * y * t / 4
ROUND = sympy.exp(sympy.sin(sympy.pi * (x - t)))


def same(operator, exact):
    """operator(fields) = operator(exact): the right-hand side is derived, not typed."""
    left = operator(*exact)
    return Equation(left, sympy.sympify(left).subs(exact).doit())


def started(domain, exact, *constraints, speeds=()):
    """A problem with its initial values, and initial rates of some fields."""
    values = [Equation(f, e).on(domain.initial) for f, e in exact.items()]
    rates = [Equation(f.diff(t), exact[f].diff(t)).on(domain.initial) for f in speeds]
    return Problem(*constraints, *values, *rates), exact


def on_boundary(domain, exact, operator=lambda u: u):
    return same(operator, exact).on(domain.boundary)


def heat(exact=WAVE):
    exact = {u: exact}
    inside = same(lambda u: u.diff(t) - div((1 + x**2 / 2) * grad(u)) / 10 + sympy.sin(t) * u, exact)
    return started(LINE, exact, inside.on(LINE.interior), on_boundary(LINE, exact))


def heat_in_short_waves():
    """Nine per unit length: where order six is not yet at rounding with cells enough to show it."""
    return heat(sympy.sin(9 * x - 2 * t) + x * sympy.cos(t))


def heat_with_fluxes():
    exact = {u: WAVE}
    inside = same(lambda u: 2 * u.diff(t) - u.diff(x, 2) + u**3, exact)
    return started(LINE, exact, inside.on(LINE.interior), same(normal_derivative, exact).on(LINE.face(x, 0)),
                   same(lambda u: normal_derivative(u) + (1 + t) * u, exact).on(LINE.face(x, 1)))


def inflow():
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t) + (1 + x / 2) * u.diff(x), exact)
    return started(LINE, exact, inside.on(LINE.interior), same(lambda u: u, exact).on(LINE.face(x, 0)))


def circling():
    exact = {u: ROUND}
    return started(CIRCLE, exact, same(lambda u: u.diff(t) + u.diff(x) + u * u.diff(x) / 3, exact).on(CIRCLE.interior))


def wave():
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) - div((1 + x / 2) ** 2 * grad(u)), exact)
    return started(LINE, exact, inside.on(LINE.interior), on_boundary(LINE, exact), speeds=[u])


def wave_with_fluxes():
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) - 2 * u.diff(x, 2), exact)
    return started(LINE, exact, inside.on(LINE.interior), same(normal_derivative, exact).on(LINE.face(x, 0)),
                   same(lambda u: normal_derivative(u) + 2 * u, exact).on(LINE.face(x, 1)), speeds=[u])


def wave_nonlinear():
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) - (1 + t / 2) * u.diff(x, 2) + u**3 + u * u.diff(x) / 2, exact)
    return started(LINE, exact, inside.on(LINE.interior), on_boundary(LINE, exact), speeds=[u])


def wave_damped():
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) + (1 + x) * u.diff(t) - u.diff(x, 2), exact)
    return started(LINE, exact, inside.on(LINE.interior), on_boundary(LINE, exact), speeds=[u])


def wave_circling():
    exact = {u: ROUND}
    return started(CIRCLE, exact, same(lambda u: u.diff(t, 2) - u.diff(x, 2), exact).on(CIRCLE.interior), speeds=[u])


def wave_absorbed():
    """A condition with a rate of its own on one side, u_t + u_n = g, and strong damping inside."""
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) - u.diff(x, 2) - u.diff(x, 2, t) / 20, exact)
    return started(LINE, exact, inside.on(LINE.interior), same(lambda u: u, exact).on(LINE.face(x, 0)),
                   same(lambda u: u.diff(t) + normal_derivative(u), exact).on(LINE.face(x, 1)), speeds=[u])


def beam():
    """Fourth order in space: two conditions at each end."""
    exact = {u: WAVE}
    inside = same(lambda u: u.diff(t, 2) + u.diff(x, 4) / 100, exact)
    return started(LINE, exact, inside.on(LINE.interior), on_boundary(LINE, exact),
                   same(lambda u: u.diff(x), exact).on(LINE.face(x, 0)),
                   same(lambda u: u.diff(x, 2), exact).on(LINE.face(x, 1)), speeds=[u])


def system():
    """Two fields whose rates are mixed in both equations, and a condition that joins them."""
    exact = {u: WAVE, v: sympy.cos(x + 2 * t)}
    first = same(lambda u, v: u.diff(t) + v.diff(t) - u.diff(x, 2) / 5 + v, exact)
    second = same(lambda u, v: u.diff(t) - v.diff(t) * (2 + x) + v.diff(x, 2) / 5 - u * v, exact)
    return started(LINE, exact, first.on(LINE.interior), second.on(LINE.interior),
                   same(lambda u, v: u, exact).on(LINE.face(x, 0)), same(lambda u, v: v, exact).on(LINE.face(x, 0)),
                   same(lambda u, v: u.diff(x) + u + v, exact).on(LINE.face(x, 1)),
                   same(lambda u, v: v.diff(x) - v, exact).on(LINE.face(x, 1)))


def heat_in_plane():
    exact = {w: PLANE}
    inside = same(lambda w: w.diff(t) - laplacian(w) / 10 + w.diff(x, y) / 20, exact)
    return started(SQUARE, exact, inside.on(SQUARE.interior), same(lambda w: w, exact).on(SQUARE.face(x, 0)),
                   same(lambda w: normal_derivative(w) + w, exact).on(SQUARE.face(x, 1)),
                   same(normal_derivative, exact).on(SQUARE.face(y, -1)), same(lambda w: w, exact).on(SQUARE.face(y, 0.5)))


def wave_in_plane():
    exact = {w: PLANE}
    inside = same(lambda w: w.diff(t, 2) - div((1 + x * y / 4) * grad(w)), exact)
    return started(SQUARE, exact, inside.on(SQUARE.interior), on_boundary(SQUARE, exact), speeds=[w])


def wave_on_strip():
    domain = Box({x: (-1, 1), y: (0, 1)}, periodic=(x,)) * Interval(t, 0, 0.5)
    exact = {w: ROUND * sympy.cos(2 * y)}
    inside = same(lambda w: w.diff(t, 2) - laplacian(w), exact)
    return started(domain, exact, inside.on(domain.interior), on_boundary(domain, exact), speeds=[w])


FIRST_ORDER = (heat, heat_with_fluxes, inflow, circling, system, heat_in_plane)
WAVES = (wave, wave_with_fluxes, wave_nonlinear, wave_damped, wave_circling, wave_in_plane, wave_on_strip)
OTHERS = (wave_absorbed, beam)
EVERY = (*FIRST_ORDER, *WAVES, *OTHERS)
