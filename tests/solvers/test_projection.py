"""Variable projection: which problems have states and a medium, its gradient, and a medium found from two states."""

from collections.abc import Callable

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.formulation import formulate
from pinnsiren.model import Model
from pinnsiren.networks import Fourier
from pinnsiren.residual import Residual
from pinnsiren.solvers.automatic import Automatic
from pinnsiren.solvers.eliminated import Elimination
from pinnsiren.solvers.projection import VariableProjection
from pinnsiren.solvers.states import states_of
from pinnsiren.solvers.task import Task

NOISE = 1e-3


def rod(states: int = 2) -> ps.Problem:
    """−u_s'' + m u_s = f_s on [0, 1], u_s known at the ends and measured inside: m from them."""
    (x,) = ps.coordinates("x")
    line, m = ps.Interval(x, 0, 1), ps.Field("m", x)
    true = 3 + sympy.sin(3 * x)
    places, random = np.linspace(0.02, 0.98, 60), np.random.default_rng(0)
    constraints = []
    for s in range(1, states + 1):
        u, exact = ps.Field(f"u{s}", x), sympy.cos(s * x) + x**2
        values = sympy.lambdify(x, exact)(places) + NOISE * random.normal(size=60)
        seen = ps.PointSet((x,), places[:, None], {ps.Data("seen"): values})
        constraints += [ps.Equation(-u.diff(x, 2) + m * u, -exact.diff(x, 2) + true * exact).on(line.interior, weight=1e6),
                        ps.Equation(u, exact).on(line.boundary, weight=1e6),
                        ps.Equation((u - ps.Data("seen")) / NOISE, 0).on(seen, weight=60.0)]
    constraints.append(ps.Equation(m.diff(x), 0).on(line.interior, weight=1.0))
    return ps.Problem(*constraints, name="rod")


def test_it_knows_states_and_medium_by_the_equations() -> None:
    problem = rod(3)
    found = states_of(formulate(problem).problem)
    assert found is not None
    assert [str(f.func) for f in found.media] == ["m"]
    assert [[str(f.func) for f in group] for group in found.states] == [["u1"], ["u2"], ["u3"]]
    assert isinstance(Automatic().chosen(Task(formulate(problem).problem)), VariableProjection)


def burgers() -> ps.Problem:
    x, y = ps.coordinates("x y")
    u, v = ps.Field("u", x, y), ps.Field("v", x, y)
    box = ps.Box({x: (0, 1), y: (0, 1)})
    return ps.Problem(ps.Equation([u * u.diff(x) + v * u.diff(y), u * v.diff(x) + v * v.diff(y)]).on(box.interior))


@pytest.mark.parametrize("make", [lambda: rod(1), burgers])
def test_one_state_or_fields_that_multiply_themselves_are_none(make: Callable[[], ps.Problem]) -> None:
    assert states_of(formulate(make()).problem) is None


def test_the_gradient_of_what_eliminated_states_leave_is_that_of_differences() -> None:
    problem = formulate(rod()).problem
    found = states_of(problem)
    assert found is not None
    fields = tuple(f for group in found.states for f in group)
    model = Model({fields: Fourier(1, 2, 8, 8.0, box=[[0, 1]], dtype=torch.float64),
                   found.media: Fourier(1, 1, 12, 6.0, box=[[0, 1]], seed=1, dtype=torch.float64)})
    counts = {c.name: c.region.points or 80 for c in problem.constraints}
    elimination = Elimination(Residual.sampled(problem, model, counts), found)
    generator = torch.Generator().manual_seed(0)
    medium, direction = torch.randn(2, 13, generator=generator, dtype=torch.float64)

    def loss(c: torch.Tensor) -> float:
        return sum(s.loss for s in elimination.states(c, (0, 1))) + elimination.alone(c)[0]

    gradient = sum(s.normal()[0] for s in elimination.states(medium, (0, 1))) + elimination.alone(medium)[1]
    h = 1e-4
    slope = (loss(medium + h * direction) - loss(medium - h * direction)) / (2 * h)
    assert float(gradient @ direction) == pytest.approx(slope, rel=1e-5)


def test_a_medium_is_found_from_its_states() -> None:
    problem = rod()
    solution = ps.solve(problem, solver=VariableProjection(features=40, steps=(10, 20)), progress=False)
    x = np.linspace(0.05, 0.95, 50)
    (m,) = (f for f in problem.fields if f.name == "m")
    assert np.abs(solution(m, x[:, None]) - (3 + np.sin(3 * x))).mean() < 0.12
    assert solution.history.loss[-1] < 150  # half of the measurements, in units of their noise, and a little for the rest


def test_other_problems_are_refused() -> None:
    x, y = ps.coordinates("x y")
    u, box = ps.Field("u", x, y), ps.Box({x: (0, 1), y: (0, 1)})
    problem = ps.Problem(ps.Equation(ps.laplacian(u), 1).on(box.interior), ps.Equation(u, 0).on(box.boundary))
    with pytest.raises(ps.PinnsirenError, match="share one unknown coefficient"):
        ps.solve(problem, solver=VariableProjection(), progress=False)
