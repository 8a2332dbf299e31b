"""The stacked residual: its scaling, its values against sympy, and its Jacobian against autodiff row by row."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.last_layer import LastLayer, jets_of, stack
from pinnsiren.model import Model, parameter_vector, set_parameters
from pinnsiren.residual import Residual, norm_weights

x, y = ps.coordinates("x y")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
d = ps.Data("d")
square = ps.Box({x: (-1, 2), y: (0, 1)})
cloud = ps.PointSet((x, y), np.random.default_rng(0).uniform(0, 1, (7, 2)), data={d: np.arange(7.0)})

LINEAR = ps.Problem(
    ps.Equation(-ps.div((1 + x**2) * ps.grad(u)) + y * u, sympy.sin(x)).on(square.interior, weight=3.0),
    ps.Equation(ps.normal_derivative(u) + 2 * u, x).on(square.face(x, 2)),
    ps.Equation(u, x * y).on(square.face(y, 0)),
    ps.Equation(ps.grad(u), (d, 1)).on(cloud, weight=0.5))
NONLINEAR = ps.Problem(
    ps.Equation(ps.laplacian(u) * (1 + u**2) + v.diff(x) * u.diff(y) - sympy.exp(v), 0, name="first").on(square.interior),
    ps.Equation(v.diff(x, y) + u * v + u.diff(x, 2), x, name="second").on(square.interior),
    ps.Equation(u - sympy.tanh(v), 1).on(square.boundary))
HIGH = ps.Problem(ps.Equation(ps.laplacian(ps.laplacian(u)), x).on(square.interior), ps.Equation(u, 0).on(square.boundary))
PROBLEMS = {"linear": LINEAR, "nonlinear": NONLINEAR, "high": HIGH}


def model_of(problem, **options):
    fields = problem.fields
    box = [(-1, 2), (0, 1)]
    return Model({fields: ps.Siren(2, len(fields), 9, 2, omega0=2.0, box=box, seed=3, dtype=torch.float64, **options)})


def residual_of(problem, model=None, n=12):
    counts = {c.name: c.region.points or n for c in problem.constraints}
    return Residual.sampled(problem, model or model_of(problem), counts, seed=5)


def autodiff_jacobian(residual):
    r = residual()
    parameters = list(residual.model.parameters())
    gradients = [torch.autograd.grad(row, parameters, retain_graph=True, materialize_grads=True) for row in r]
    return torch.stack([torch.cat([g.reshape(-1) for g in row]) for row in gradients])


@pytest.mark.parametrize("name", PROBLEMS)
def test_rows_are_the_equations_at_the_points(name) -> None:
    """Against sympy: the network is replaced by a polynomial jet that is known exactly."""
    problem = PROBLEMS[name]
    residual = residual_of(problem)
    exact = {u: sympy.sin(x + 2 * y) + x**3, v: sympy.cos(x * y)}
    for sample in residual.samples:
        columns = {k: c.numpy() for k, c in sample.columns.items()}
        symbols = {s: _partial_values(s, exact, columns) for r in sample.group.residuals for s in r.free_symbols
                   if hasattr(s, "field")}
        values = sample.bound({s: torch.tensor(a) for s, a in symbols.items()})
        for c, places in sample.group.components():
            for value, equation in zip(values[places], c.equation.residuals, strict=True):
                call = sympy.lambdify(list(columns), equation.subs(exact).doit(), "numpy", dummify=True)
                np.testing.assert_allclose(value, np.broadcast_to(call(*columns.values()), value.shape), rtol=1e-11, atol=1e-11)


def _partial_values(symbol, exact, columns):
    field = exact[symbol.field]
    if hasattr(symbol, "orders"):
        value = field.diff(*[(c, k) for c, k in zip((x, y), symbol.orders, strict=True) if k]) if symbol.order else field
    else:
        value = sum(a * field.diff((x, y)[i], (x, y)[j]) for a, (i, j) in zip(symbol.coefficients, symbol.pairs, strict=True))
    call = sympy.lambdify([x, y], value, "numpy")
    return np.broadcast_to(call(columns[x], columns[y]), columns[x].shape).copy()


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("learnable", [False, True])
def test_jacobian_against_autodiff(name, learnable) -> None:
    residual = residual_of(PROBLEMS[name], model_of(PROBLEMS[name], learnable_omega0=learnable))
    r, jacobian = residual.jacobian()
    oracle = autodiff_jacobian(residual)
    assert jacobian.shape == (residual.rows, sum(p.numel() for p in residual.model.parameters()))
    torch.testing.assert_close(r, residual().detach(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(jacobian, oracle, rtol=1e-11, atol=1e-11 * float(oracle.abs().max()))


def test_jacobian_of_a_users_module_agrees_with_the_closed_one() -> None:
    model = model_of(LINEAR)
    wrapped = Model({(u,): ps.ModuleNetwork(_Plain(model.carriers[0].network), 2, 1)})
    residual, general = residual_of(LINEAR, model), residual_of(LINEAR, wrapped)
    torch.testing.assert_close(general(), residual(), rtol=1e-11, atol=1e-11)
    assert general.jacobian()[1].shape == residual.jacobian()[1].shape
    torch.testing.assert_close(general.jacobian()[1].norm(), residual.jacobian()[1].norm(), rtol=1e-10, atol=0)


class _Plain(torch.nn.Module):
    """The same sines written the usual way."""

    def __init__(self, siren):
        super().__init__()
        self.layers, self.output = siren.layers, siren.output
        self.omega0, self.centre, self.half_width = siren.omega0, siren.centre, siren.half_width

    def forward(self, points):
        a = (points - self.centre) / self.half_width
        for omega, layer in zip(self.omega0, self.layers, strict=True):
            a = torch.sin(omega * layer(a))
        return self.output(a)


def test_loss_is_half_the_weighted_mean_square() -> None:
    residual = residual_of(LINEAR)
    r = residual()
    assert list(residual.blocks) == ["interior", "x = 2", "y = 0", "points"]
    assert residual.rows == 12 + 12 + 12 + 14 == len(r)
    torch.testing.assert_close(residual.loss, 0.5 * (r @ r))
    rms = residual.root_mean_squares(r)
    expected = 0.5 * (3.0 * rms["interior"] ** 2 + rms["x = 2"] ** 2 + rms["y = 0"] ** 2 + 0.5 * 2 * rms["points"] ** 2)
    assert float(residual.loss.detach()) == pytest.approx(expected, rel=1e-12)


def test_points_are_shared_by_equations_on_one_region_and_new_on_request() -> None:
    residual = residual_of(NONLINEAR)
    assert len(residual.samples) == 2
    again, other = residual.resampled(5), residual.resampled(6)
    torch.testing.assert_close(again(), residual(), rtol=0, atol=0)
    assert not torch.equal(other(), residual())


def test_mini_batches_are_unbiased() -> None:
    residual = residual_of(LINEAR, n=50)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        losses = [float(residual.batch(30, generator).loss) for _ in range(600)]
        whole = float(residual.loss)
    assert np.mean(losses) == pytest.approx(whole, abs=4 * np.std(losses) / np.sqrt(600))


@pytest.mark.parametrize("norm", ["l1", "huber"])
def test_other_norms_are_reweighted_rows(norm) -> None:
    r = torch.tensor([-3.0, 0.2, 0.5, -0.1, 100.0], dtype=torch.float64)
    rows = r * norm_weights(r, norm)
    spread = 1.4826 * 0.5
    expected = r.abs() if norm == "l1" else torch.where(r.abs() < 1.345 * spread, r**2, 1.345 * spread * r.abs())
    torch.testing.assert_close(rows.square(), expected)


@pytest.mark.parametrize("name", PROBLEMS)
def test_rows_of_the_last_layer_are_those_of_the_jacobian(name) -> None:
    problem = PROBLEMS[name]
    residual = residual_of(problem)
    layer = LastLayer(residual)
    coefficients = layer.coefficients()
    jets = layer.jets(coefficients)
    for mine, models in zip(jets, jets_of(residual.model, residual), strict=True):
        for a, b in zip(mine, models, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    rows = layer.rows(jets)
    scales = {c.name: (c.weight / s.count) ** 0.5 for s in residual.samples for c, _ in s.group.components()}
    matrix = torch.cat([rows[n].matrix * scales[n] for n in residual.order])
    oracle = residual.jacobian()[1]
    names = [n for n, p in residual.model.named_parameters() for _ in range(p.numel())]
    weight = oracle[:, [i for i, n in enumerate(names) if n.endswith("output.weight")]]
    bias = oracle[:, [i for i, n in enumerate(names) if n.endswith("output.bias")]]
    outputs = len(problem.fields)
    expected = torch.cat([torch.cat([weight.view(len(oracle), outputs, -1)[:, o], bias[:, o:o + 1]], dim=1)
                          for o in range(outputs)], dim=1)
    torch.testing.assert_close(matrix, expected, rtol=1e-10, atol=1e-10 * float(expected.abs().max()))


def test_newton_target_of_a_linear_problem_does_not_depend_on_where_it_is_linearised() -> None:
    residual = residual_of(LINEAR)
    layer = LastLayer(residual)
    assert layer.is_linear
    scales = dict.fromkeys(residual.blocks, 1.0)
    here = stack(layer.rows(layer.jets(layer.coefficients())), scales)
    there = stack(layer.rows(layer.zero()), scales)
    torch.testing.assert_close(here[0], there[0], rtol=0, atol=0)
    torch.testing.assert_close(here[1], there[1], rtol=1e-9, atol=1e-9)


def test_parameters_round_trip() -> None:
    model = model_of(NONLINEAR)
    theta = parameter_vector(model)
    set_parameters(model, theta * 2)
    torch.testing.assert_close(parameter_vector(model), theta * 2)


def test_models_must_fit_their_fields() -> None:
    with pytest.raises(ps.SolveError, match="has 3 inputs"):
        Model({(u,): ps.Siren(3, 1, 4, 1)})
    with pytest.raises(ps.SolveError, match="outputs=2"):
        Model({(u, v): ps.Siren(2, 1, 4, 1)})
