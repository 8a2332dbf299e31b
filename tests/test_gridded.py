"""Gridded functions: values and derivatives of their splines, in sympy, numpy and torch alike; bad grids say what is wrong."""

import numpy as np
import pytest
import sympy
import torch

from pinnsiren.check import evaluate
from pinnsiren.compile import compile_expressions
from pinnsiren.domains import Box
from pinnsiren.equation import Equation
from pinnsiren.errors import DataError, EquationError, StorageError
from pinnsiren.gridded import Gridded
from pinnsiren.partials import Partial, in_partials, is_linear
from pinnsiren.problem import Problem
from pinnsiren.storage import read, write
from pinnsiren.storage.expressions import ExpressionWriter, read_expressions
from pinnsiren.symbols import Field, Parameter, coordinates, div, grad
from pinnsiren.validation.formula import mathml

x, y, z = coordinates("x y z")
u = Field("u", x, y)
XS, YS, ZS = np.linspace(-1, 1, 33), np.linspace(0, 2, 41) ** 1.2, np.linspace(0, 1, 25)
EXACT = {1: sympy.sin(2 * x), 2: sympy.sin(2 * x) * sympy.exp(y / 2), 3: sympy.sin(2 * x) * sympy.exp(y / 2) * (1 + z**2)}


def sampled(dimension, refine=1, degree=3, name="v"):
    axes = [np.interp(np.linspace(0, 1, refine * (len(a) - 1) + 1), np.linspace(0, 1, len(a)), a) for a in (XS, YS, ZS)]
    axes = axes[:dimension]
    call = sympy.lambdify((x, y, z)[:dimension], EXACT[dimension])
    return Gridded(name, axes, call(*np.meshgrid(*axes, indexing="ij")), degree)


def columns(n=200, dimension=2):
    unit = np.random.default_rng(0).random((n, 3))
    return dict(zip((x, y, z)[:dimension], (2 * unit[:, 0] - 1, YS[-1] * unit[:, 1], unit[:, 2]), strict=False))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_splines_converge_and_so_do_their_derivatives(dimension):
    at, symbols = columns(dimension=dimension), (x, y, z)[:dimension]
    for orders, rate in (((0,), 4), ((1,), 3), ((0, 1), 3), ((2,), 2), ((1, 1), 3))[:None if dimension > 1 else 2]:
        pairs = [(s, k) for s, k in zip(symbols, orders, strict=False) if k]
        errors = []
        for refine in (1, 2):
            v = sampled(dimension, refine)(*symbols)
            wrong = v.diff(*pairs) - EXACT[dimension].diff(*pairs) if pairs else v - EXACT[dimension]
            errors.append(np.sqrt(np.mean(evaluate(wrong, at) ** 2)))
        assert np.log2(errors[0] / errors[1]) > rate - 0.4, (orders, errors)


def test_torch_numpy_and_sympy_agree():
    v, k = sampled(2), Parameter("k", 0.5)
    expression = sympy.exp(v(x, y).diff(x)) * v(k * x, y) + v(0, y) + v(sympy.Rational(1, 3), 1)
    at = columns()
    tensors = {s: torch.from_numpy(c) for s, c in at.items()}
    (found,) = compile_expressions([expression])(tensors)
    assert np.allclose(found.numpy(), evaluate(expression, at), rtol=1e-13)
    one = expression.subs({k: 0.5, x: at[x][0], y: at[y][0]})
    assert float(one) == pytest.approx(found[0].item(), rel=1e-12)
    assert np.allclose(sympy.lambdify((x, y), expression.subs(k, 0.5), cse=True)(at[x], at[y]), found.numpy(), rtol=1e-13)
    (single,) = compile_expressions([v(x, y)])({s: c.float() for s, c in tensors.items()})
    assert single.dtype == torch.float32 and np.allclose(single.numpy(), evaluate(v(x, y), at), atol=1e-5)


def test_it_is_evaluated_once_when_points_are_bound():
    v = sampled(2)(x, y)
    program = compile_expressions([in_partials(div(v * grad(u)))])
    at = {s: torch.from_numpy(c) for s, c in columns().items()}
    bound = program.bind(at, 200, at[x])
    gridded = {i.operation for i in program.instructions if "_gridded" in i.operation.__qualname__}
    assert len(gridded) == 3 and not gridded & {i.operation for _, i in bound.waiting}


def test_it_is_an_expression_like_any_other():
    v = sampled(2)
    assert is_linear(in_partials(div(v(x, y) * grad(u)) - v(x, y) * u))
    assert sympy.simplify(v(x, y).diff(x) * u - u * v(x, y).diff(x)) == 0
    assert v(x, y).xreplace({x: y, y: x}) == v(y, x) and v(x, y).subs(x, 2 * y) == v(2 * y, y)
    assert v(2 * x, y).diff(x) == 2 * v.derivative((1, 0))(2 * x, y)
    assert v(x, y).diff(x, y) == v(x, y).diff(y, x) and v(x, y).diff(x, 4) == 0 and v(x, y).diff(z) == 0
    assert v(x, y).is_real and v(x, y).free_symbols == {x, y}
    replacements, _ = sympy.cse([v(x, y) ** 2 * sympy.exp(x), sympy.sin(v(x, y))])
    assert [e for _, e in replacements] == [v(x, y)]


def test_it_prints_by_its_own_name():
    v = sampled(2)
    assert str(v(x, y).diff(x) + 1) == "v_x(x, y) + 1"
    assert sympy.latex(v(x, y).diff(x, y) ** 2) == r"v_{xy}^{2}{\left(x,y \right)}"
    assert "<mi>v</mi>" in mathml(v(x, y))
    gamma = sampled(2, name="gamma")  # numpy code must not take it for the gamma function
    assert np.allclose(evaluate(gamma(x, y), columns()), evaluate(v(x, y), columns()))


def test_equality_is_that_of_name_and_numbers():
    v, same = sampled(2), sampled(2)
    assert v == same and hash(v) == hash(same) and v(x, y) - same(x, y) == 0 and len({v(x, y), same(x, y)}) == 1
    at = columns()
    assert np.allclose(evaluate(v(x, y) * same(y / 3, x + 1), at), evaluate(v(x, y), at) * evaluate(v(y / 3, x + 1), at))
    for other in (sampled(2, refine=2), sampled(2, degree=5), sampled(2, name="w")):
        assert v != other and v(x, y) != other(x, y)
    assert v != v.derivative((1, 0)) and v.derivative((1, 1)) == v.derivative((1, 0)).derivative((0, 1))


def test_it_does_not_change_with_the_array_that_it_was_made_from():
    given = np.ones((5, 5))
    v = Gridded("v", (range(5), range(5)), given)
    given[:] = 7
    assert evaluate(v(x, y), {x: np.array([2.5]), y: np.array([1.5])}) == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        v.table.values[0, 0] = 3


@pytest.mark.parametrize(("axes", "values", "degree", "message"), [
    ((XS, YS), np.ones((33, 40)), 3, r"shape \(33, 40\), and its axes have \(33, 41\) values"),
    ((XS,), np.ones((33, 40)), 3, r"its axes have \(33,\) values"),
    ((XS[::-1],), np.ones(33), 3, "axis 0 of 'v' does not increase: 1 is followed by 0.9375. Sort it"),
    ((XS[:3],), np.ones(3), 3, "at least 4 values for a spline of degree 3"),
    ((XS,), np.where(XS > 0.5, np.nan, XS), 3, r"the values of 'v' hold nan at index \(25,\)"),
    ((XS,), ["a"] * 33, 3, "not real numbers"),
    ((XS,), np.ones(33), 2, r"degree=2; expected one of \(1, 3, 5\)"),
    ((XS,) * 4, np.ones((33,) * 4), 3, "expected 1 to 3 dimensions"),
    (("x",), np.ones(33), 3, "axis 0 of 'v' are not real numbers"),
])
def test_bad_grids(axes, values, degree, message):
    with pytest.raises(DataError, match=message):
        Gridded("v", axes, values, degree=degree)


def test_bad_use():
    v = sampled(2)
    with pytest.raises(DataError, match="a text such as 'v'"):
        Gridded("my speed", (XS,), XS)
    with pytest.raises(EquationError, match=r"'v' has 2 coordinates, and was given \(x,\)"):
        v(x)
    with pytest.raises(EquationError, match="is a gridded function of a field; its places may depend on coordinates"):
        compile_expressions([v(Partial(u, (0, 0)), y)])
    with pytest.raises(EquationError, match="gridded function of a field"):
        compile_expressions([v(x * Partial(u, (0, 0)), y), sympy.sin(x * Partial(u, (0, 0)))])


def test_outside_the_grid_the_range_is_named():
    v = sampled(2)
    message = r"'v' is needed at 1.5 along its coordinate 1, and is given from -1 to 1"
    with pytest.raises(DataError, match=message):
        compile_expressions([v(x, y)])({x: torch.tensor([0.0, 1.5]), y: torch.tensor([0.0, 0.0])})
    on_the_edge = np.float32(1) + 1e-7  # where single precision may put the edge
    assert np.isfinite(evaluate(v(x, y), {x: np.array([on_the_edge]), y: np.array([0.0])})).all()
    box = Box({x: (-1, 2), y: (0, 1)})
    problem = Problem(Equation(div(v(x, y) * grad(u)), 1).on(box.interior), Equation(u, v(x, y)).on(box.boundary))
    assert any("given from -1 to 1" in f.message for f in problem.check() if f.severity == "error")


def test_files_hold_its_numbers_once(tmp_path):
    v = sampled(2)
    box = Box({x: (-1, 1), y: (0, 1)})
    problem = Problem(Equation(div(v(x, y) * grad(u)), v(-x, y)).on(box.interior), Equation(u, 0).on(box.boundary))
    write(tmp_path / "problem.h5", {"problem": problem, "other": np.arange(3)})
    back = read(tmp_path / "problem.h5")
    assert back["problem"] == problem and (back["other"] == np.arange(3)).all()
    at = columns()
    values = [evaluate(r.subs(dict.fromkeys(r.atoms(Partial), 1)), at)
              for r in (p.constraints[0].residuals[0] for p in (problem, back["problem"]))]
    assert np.array_equal(*values)
    writer = ExpressionWriter()
    writer.add(div(v(x, y) * grad(u)) + v(y / 2, x + 1))
    assert [a.shape for a in writer.arrays] == [(33, 41), (33,), (41,)]


X = ["Symbol", "x", {"real": True}]


@pytest.mark.parametrize(("table", "orders", "message"), [
    ({"name": "v", "degree": 3, "arrays": [0, 7]}, [0], "its arrays are not in the file"),
    ({"name": "v", "degree": 3, "arrays": [0, -1]}, [0], "its arrays are not in the file"),
    ({"name": "v", "degree": 3, "arrays": [0, 1]}, [99], "orders up to 32"),
    ({"name": "v", "degree": 3, "arrays": [0, 1]}, [0, 0], "row 1 is not valid"),
    ({"name": "v", "degree": 4, "arrays": [0, 1]}, [0], "degree=4"),
    ({"name": "os.system", "degree": 3, "arrays": [0, 1]}, [0], "the name is 'os.system'"),
    ({"name": "v", "arrays": [0, 1]}, [0], "row 1 is not valid"),
    ([0, 1], [0], "row 1 is not valid"),
])
def test_hostile_rows(table, orders, message):
    with pytest.raises(StorageError, match=message):
        read_expressions([X, ["Gridded", table, orders, 0]], [np.arange(9.0), np.arange(9.0)])
