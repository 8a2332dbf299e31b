"""Fields are sympy expressions; the operators of vector calculus are those of the textbooks."""

import pytest
import sympy

import pinnsiren as ps
from pinnsiren.symbols import Normal, Time

x, y = ps.coordinates("x y")
t = ps.time("t")
u = ps.Field("u", x, y)
w = ps.Field("w", x, y, t)


def test_coordinates_are_real_symbols_and_always_a_tuple() -> None:
    assert ps.coordinates("x, y") == (sympy.Symbol("x", real=True), sympy.Symbol("y", real=True))
    assert ps.coordinates("z") == (sympy.Symbol("z", real=True),)
    assert isinstance(t, Time)
    assert t != sympy.Symbol("t", real=True)


def test_a_field_is_an_expression_equal_by_value() -> None:
    assert u == ps.Field("u", x, y)
    assert hash(u) == hash(ps.Field("u", x, y))
    assert u != ps.Field("v", x, y)
    assert isinstance(u, ps.Field)
    assert isinstance(u.subs(x, 0), ps.Field)
    assert u.diff(x, y) == u.diff(y, x)
    assert (u * u).diff(x) == 2 * u * u.diff(x)
    assert u.coordinates == (x, y)


def test_operators_leave_time_alone_unless_told() -> None:
    assert ps.laplacian(w) == w.diff(x, 2) + w.diff(y, 2)
    assert ps.laplacian(w, (x, t)) == w.diff(x, 2) + w.diff(t, 2)
    assert ps.grad(w) == sympy.Matrix([w.diff(x), w.diff(y)])


def test_identities_of_vector_calculus() -> None:
    a = 1 + x**2
    assert sympy.expand(ps.div(a * ps.grad(u)) - a * ps.laplacian(u) - ps.grad(a, (x, y)).dot(ps.grad(u))) == 0
    assert ps.normal_derivative(u) == Normal(x) * u.diff(x) + Normal(y) * u.diff(y)
    f = sympy.sin(x) * y**3
    assert ps.laplacian(f, (x, y)) == -sympy.sin(x) * y**3 + 6 * y * sympy.sin(x)


def test_substitution_reaches_derivatives() -> None:
    f = sympy.exp(2 * x) * y
    assert (ps.laplacian(u) - 4 * u).subs(u, f).doit() == 0


def test_parameters_are_equal_by_name_and_value() -> None:
    assert ps.Parameter("k", 2) == ps.Parameter("k", 2)
    assert ps.Parameter("k", 2) != ps.Parameter("k", 3)
    assert (ps.Parameter("k", 2) * u).diff(x) == ps.Parameter("k", 2) * u.diff(x)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ps.Field("u"), "expected the symbols"),
    (lambda: ps.Field("u", x, x), "twice"),
    (lambda: ps.Field("u", x, 3), "expected the symbols"),
    (lambda: ps.Field(x, y), "give a text"),
    (lambda: ps.Field("u", x, real=True), "takes a name and coordinates"),
    (lambda: ps.Parameter("k", sympy.I), "one finite real number"),
    (lambda: ps.Parameter("k", float("nan")), "one finite real number"),
    (lambda: ps.coordinates(" "), "names no coordinate"),
    (lambda: ps.laplacian(x**2), "its coordinates are not known"),
    (lambda: ps.div([u, u, u]), "one component"),
])
def test_bad_symbols(make, message) -> None:
    with pytest.raises(ps.EquationError, match=message):
        make()


def test_a_complex_field_has_two_real_parts() -> None:
    u = ps.Field("u", x, y, complex=True)
    assert [str(p) for p in u.parts] == ["u_re(x, y)", "u_im(x, y)"]
    assert all(p.is_real for p in u.parts)
    assert not u.is_real
    assert u != ps.Field("u", x, y)
    assert ps.laplacian(u) == u.diff(x, 2) + u.diff(y, 2)


def test_an_unknown_is_a_constant_that_is_looked_for() -> None:
    c = ps.Unknown("c", 2)
    assert (str(c), sympy.latex(c**2), float(c.initial)) == ("c", "c^{2}", 2.0)
    assert sympy.diff(c * x**2, x) == 2 * c * x
    assert c.coordinates == ()
    assert c == ps.Unknown("c", 2)
    assert c != ps.Unknown("c", 3)
    with pytest.raises(ps.EquationError, match="one finite real number"):
        ps.Unknown("c", float("inf"))


def test_a_parameter_with_two_ends_is_a_range() -> None:
    k = ps.Parameter("k", 1, 10)
    assert (k.name, float(k.low), float(k.high), k.is_real) == ("k", 1.0, 10.0, True)
    assert k != ps.Parameter("k", 1, 11)
    with pytest.raises(ps.EquationError, match="empty range"):
        ps.Parameter("k", 2, 2)
