"""Problems with known solutions, to test references: all boundary conditions, several dimensions and fields."""

import numpy as np
import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.equation import Equation
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, coordinates, div, grad, laplacian, normal_derivative

x, y, z = coordinates("x y z")
u, v = Field("u", x, y), Field("v", x, y)
SMOOTH = sympy.exp(x / 2) * sympy.sin(2 * y + sympy.Rational(1, 3)) + x * y / 4
SECOND = sympy.cos(x + 2 * y)
RECTANGLE = Box({x: (-1, 1), y: (0, 1.5)})


def same(operator, exact):
    """operator(fields) = operator(exact): the right-hand side is derived, not typed."""
    fields = list(exact)
    left = operator(*fields)
    return Equation(left, left.subs(exact).doit())


def dirichlet():
    exact = {u: SMOOTH}
    return Problem(same(laplacian, exact).on(RECTANGLE.interior),
                   same(lambda u: u, exact).on(RECTANGLE.boundary)), exact


def neumann_and_robin():
    exact = {u: SMOOTH}
    left, right = RECTANGLE.face(x, -1), RECTANGLE.face(x, 1)
    bottom, top = RECTANGLE.face(y, 0), RECTANGLE.face(y, 1.5)
    return Problem(same(laplacian, exact).on(RECTANGLE.interior), same(lambda u: u, exact).on(left),
                   same(normal_derivative, exact).on(right),
                   same(lambda u: normal_derivative(u) + (2 + x) * u, exact).on(bottom),
                   same(lambda u: normal_derivative(u) + 3 * u, exact).on(top)), exact


def variable_coefficients():
    exact = {u: SMOOTH}
    def inside(u):
        return div((1 + x**2 + y / 2) * grad(u)) - x * u.diff(y) - sympy.exp(y) * u
    return Problem(same(inside, exact).on(RECTANGLE.interior),
                   same(lambda u: u, exact).on(RECTANGLE.boundary)), exact


def mixed_derivative():
    exact = {u: SMOOTH}
    return Problem(same(lambda u: laplacian(u) + u.diff(x, y), exact).on(RECTANGLE.interior),
                   same(lambda u: u, exact).on(RECTANGLE.boundary)), exact


def nonlinear():
    exact = {u: SMOOTH}
    return Problem(same(lambda u: -laplacian(u) + u**3, exact).on(RECTANGLE.interior),
                   same(lambda u: u, exact).on(RECTANGLE.boundary)), exact


def neumann_only():
    exact = {u: SMOOTH}
    return Problem(same(laplacian, exact).on(RECTANGLE.interior),
                   same(normal_derivative, exact).on(RECTANGLE.boundary)), exact


def system():
    exact = {u: SMOOTH, v: SECOND}
    inside = sympy.Matrix([laplacian(u) + v.diff(x), laplacian(v) - u * v])
    return Problem(Equation(inside, inside.subs(exact).doit()).on(RECTANGLE.interior),
                   same(lambda u, v: u, exact).on(RECTANGLE.boundary),
                   same(lambda u, v: v, exact).on(RECTANGLE.face(x, -1)),
                   same(lambda u, v: normal_derivative(v) + v + u, exact).on(RECTANGLE.boundary.where(x > -1))), exact


def one_dimension():
    w, line = Field("w", x), Interval(x, 0, 2)
    exact = {w: sympy.sin(2 * x) + x}
    return Problem(same(lambda w: w.diff(x, 2) + w.diff(x) - 2 * w, exact).on(line.interior),
                   same(lambda w: w, exact).on(line.face(x, 0)),
                   same(lambda w: w.diff(x) + w, exact).on(line.face(x, 2))), exact


def first_order():
    w, line = Field("w", x), Interval(x, 0, 2)
    exact = {w: sympy.sin(2 * x) + x}
    return Problem(same(lambda w: w.diff(x) + x * w, exact).on(line.interior),
                   same(lambda w: w, exact).on(line.face(x, 0))), exact


def three_dimensions():
    w, cube = Field("w", x, y, z), Box({x: (0, 1), y: (0, 1), z: (0, 1)})
    exact = {w: sympy.exp(x) * sympy.sin(y + z) + x * z}
    return Problem(same(laplacian, exact).on(cube.interior), same(lambda w: w, exact).on(cube.face(z, 0)),
                   same(lambda w: w, exact).on(cube.boundary.where(z > 0))), exact


PLANE = (dirichlet, neumann_and_robin, variable_coefficients, mixed_derivative, nonlinear, neumann_only, system)
EVERY = (*PLANE, one_dimension, first_order, three_dimensions)


class Known:
    """A solution made from expressions, as :func:`validate` sees one: right, or wrong on purpose."""

    def __init__(self, problem, expressions):
        self.problem, self.expressions = problem, expressions

    def evaluate(self, expression, points):
        known = sympy.sympify(expression).subs(self.expressions).doit()
        call = sympy.lambdify(self.problem.coordinates, known, ["numpy", "scipy"])
        return np.broadcast_to(np.asarray(call(*np.asarray(points).T), float), (len(points),)).copy()

    def __call__(self, field, points):
        return self.evaluate(field, points)
