"""The structures of one output layer: complex pairs, pieces, mirrors, unknown scalars, where Newton starts."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.last_layer import LastLayer
from pinnsiren.model import Model
from pinnsiren.networks import Constant
from pinnsiren.residual import Residual
from pinnsiren.solvers.estimate import judge, probe
from pinnsiren.solvers.output_layer import OutputLayer

DOUBLE = torch.float64
x, y = ps.coordinates("x y")
t = ps.time("t")
re, im = ps.Field("re", x, y), ps.Field("im", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})
EXACT = {re: (1 + x * y) * sympy.cos(6 * x + 2 * y), im: (1 + x * y) * sympy.sin(6 * x + 2 * y)}


def damped(sign=1):
    """Δu + (40 − 7i) u = f in real fields; sign = −1 spoils it: its equations are then linear over ℝ only."""
    def left(a, b):
        return ps.laplacian(a, (x, y)) + 40 * a + 7 * b, ps.laplacian(b, (x, y)) + 40 * b - 7 * sign * a

    return ps.Problem(ps.Equation(left(re, im), left(*EXACT.values())).on(square.interior),
                      ps.Equation((re, im), tuple(EXACT.values())).on(square.boundary), exact=EXACT)


def fourier(fields, width=200, band=9.0, **law):
    return ps.Fourier(len(fields[0].coordinates), len(fields), width, band, dtype=DOUBLE, seed=3, **law)


def layer(problem, model, points, memory=4e9):
    counts = {c.name: points if c.region.dimension == len(c.region.coordinates) else points // 4 for c in problem.constraints}
    return OutputLayer(Residual.sampled(problem, model, counts), 20, 1e-3, memory, np.inf)


def fitted(problem, model, points, memory=4e9):
    layer(problem, model, points, memory).solve(None)
    return [n.output.weight.detach().clone() for n in model.networks]


@pytest.mark.parametrize(("fields", "pairs"), [((re, im), ((0, 1),)), ((im, re), ((1, 0),))])
def test_complex_fields_are_found(fields, pairs) -> None:
    for sign, expected in ((1, (pairs,)), (-1, None)):
        problem = damped(sign)
        slow = probe(layer(problem, Model({fields: fourier(fields, 20)}), 200).residual)
        assert slow.pairing(slow.rows(slow.zero())) == expected


def test_one_real_condition_makes_a_problem_real() -> None:
    problem = damped()
    pinned = ps.Problem(*problem.constraints, ps.Equation(im, 0).on(square.face(x, 1)))
    slow = probe(layer(pinned, Model({(re, im): fourier((re, im), 20)}), 200).residual)
    assert slow.pairing(slow.rows(slow.zero())) is None


def test_the_complex_solve_is_the_real_one() -> None:
    problem, models = damped(), [Model({(im, re): fourier((im, re), 60, 6.0)}) for _ in range(2)]
    together, apart = (layer(problem, m, 240) for m in models)
    apart.__dict__["_pairing"] = None
    for each in (together, apart):
        each.solve(None)
    assert together._pairing == (((1, 0),),)
    points = torch.tensor(square.interior.sample(100, seed=5).values)
    found, expected = (m.networks[0](points).detach() for m in models)
    assert float((found - expected).norm()) < 1e-7 * float(expected.norm())


def error(model, problem):
    points = square.interior.sample(500, seed=5).values
    fields = model.carriers[0].fields
    with torch.no_grad():
        found = model.networks[0](torch.tensor(points)).numpy().T
    exact = np.stack([sympy.lambdify((x, y), problem.exact[f])(*points.T) for f in fields])
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@pytest.mark.parametrize(("complex_fields", "memory", "reached"), [
    (True, 4e7, 1e-9), (False, 7e7, 1e-9),  # enough for a triangle, too little for all rows
    (True, 1e5, 1e-6), (False, 1e5, 1e-6)])
def test_triangles_reach_all_digits_and_normal_equations_half_of_them(complex_fields, memory, reached) -> None:
    problem, fields = damped(1 if complex_fields else -1), (re, im)
    if not complex_fields:
        def left(a, b):
            return ps.laplacian(a, (x, y)) + 40 * a + 7 * b, ps.laplacian(b, (x, y)) + 40 * b + 7 * a

        problem = ps.Problem(ps.Equation(left(re, im), left(*EXACT.values())).on(square.interior),
                             ps.Equation((re, im), tuple(EXACT.values())).on(square.boundary), exact=EXACT)
    dense, pieces = Model({fields: fourier(fields, 400)}), Model({fields: fourier(fields, 400)})
    layer(problem, dense, 1000).solve(None)
    in_pieces = layer(problem, pieces, 1000, memory=memory)
    assert in_pieces.dense_bytes > memory
    in_pieces.solve(None)
    assert error(dense, problem) < 1e-9
    assert error(pieces, problem) < reached


def started():
    u, domain = ps.Field("u", x, t), ps.Interval(x, 0, 1) * ps.Interval(t, 0, 1)
    exact = sympy.sin(sympy.pi * x) * sympy.cos(2 * sympy.pi * t)
    return u, ps.Problem(ps.Equation(u.diff(t, 2), 4 * u.diff(x, 2)).on(domain.interior), ps.Equation(u, 0).on(domain.boundary),
                         ps.Equation(u, exact.subs(t, 0)).on(domain.initial), ps.Equation(u.diff(t), 0).on(domain.initial),
                         exact={u: exact})


@pytest.mark.parametrize("memory", [4e9, 1e4])
def test_mirror_images_share_their_coefficients(memory) -> None:
    u, problem = started()
    law = {"variety": [((0, 2), 1.0), ((2, 0), -4.0)], "along": (1,), "mirror": (1, -1, 1), "box": [(0, 1), (0, 1)]}
    model = Model({(u,): fourier((u,), 80, 6.0, **law)})
    (weight,) = fitted(problem, model, 200, memory)
    assert torch.equal(weight[:, :40], weight[:, 40:])
    points = torch.tensor(problem.constraints[0].region.sample(200, seed=1).values)
    exact = torch.sin(torch.pi * points[:, 0]) * torch.cos(2 * torch.pi * points[:, 1])
    assert float((model.networks[0](points)[:, 0].detach() - exact).norm() / exact.norm()) < 1e-6
    again = LastLayer(layer(problem, model, 50).residual)
    values = again.jets(again.coefficients())[0][0][0]
    torch.testing.assert_close(values, model.networks[0](again.residual.samples[0].inputs[0]).detach())


def test_an_unknown_scalar_is_solved_for() -> None:
    """Δu = s f with u known at points: u and s are found together, both linear."""
    u, s = ps.Field("u", x, y), ps.Unknown("s", 1.0)
    exact = sympy.sin(2 * x) * sympy.exp(y)
    forcing = ps.laplacian(exact, (x, y)) / 3.5
    points = square.interior.sample(50, seed=4).values
    d = ps.Data("d")
    known = ps.PointSet((x, y), points, data={d: sympy.lambdify((x, y), exact)(*points.T)})
    problem = ps.Problem(ps.Equation(ps.laplacian(u), s * forcing).on(square.interior), ps.Equation(u, d).on(known),
                         ps.Equation(u, exact).on(square.boundary))
    model = Model({(u,): fourier((u,), 150, 5.0), (s,): Constant(1, 1.0, dtype=DOUBLE)})
    counts = dict(zip((c.name for c in problem.constraints), (400, 50, 120), strict=True))
    residual = Residual.sampled(problem, model, counts)
    scales = OutputLayer(residual, 20, 1e-3, 4e9, np.inf).solve(None)
    assert model.networks[1].output.bias.item() == pytest.approx(3.5, rel=1e-6)
    assert judge(residual.resampled(9), scales)[0] < 1e-4


def test_newton_starts_where_the_equations_are_finite() -> None:
    """√u has no slope at u = 0, where Newton's method would start."""
    u, exact = ps.Field("u", x, y), 2 + sympy.sin(x) * y
    problem = ps.Problem(ps.Equation(ps.laplacian(u) - sympy.sqrt(u), ps.laplacian(exact, (x, y)) - sympy.sqrt(exact))
                         .on(square.interior), ps.Equation(u, exact).on(square.boundary), exact={u: exact})
    model = Model({(u,): fourier((u,), 120, 4.0)})
    layer(problem, model, 350).solve(None)
    assert error(model, problem) < 1e-7


def test_newton_without_a_start_says_so() -> None:
    u = ps.Field("u", x, y)
    problem = ps.Problem(ps.Equation(ps.laplacian(u) - sympy.log(u - 5), 0).on(square.interior),
                         ps.Equation(u, 6).on(square.boundary))
    with pytest.raises(ps.SolveError, match="not finite for the constant fields"):
        layer(problem, Model({(u,): fourier((u,), 20)}), 60).solve(None)
