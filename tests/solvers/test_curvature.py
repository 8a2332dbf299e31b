"""SSBroyden and NNCG, SOAP and Muon on one of our problems, and the parts of NNCG beside dense matrices."""

import pytest
import torch

import pinnsiren as ps
from pinnsiren.equations import klein_gordon, poisson
from pinnsiren.formulation import formulate
from pinnsiren.model import Model
from pinnsiren.residual import Residual
from pinnsiren.solvers.nncg import Damped, Nystrom, Products

PROBLEM = poisson.poisson_sine()


def network(width=16, layers=2, **options):
    return ps.Siren(2, 1, width, layers, omega0=[4.0] + [1.0] * (layers - 1), seed=0, **options)


def products():
    problem = formulate(klein_gordon.klein_gordon()).problem
    model = Model({problem.carried: network(8, dtype=torch.float64)})
    return Products(Residual.sampled(problem, model, {c.name: 40 for c in problem.constraints}))


def test_products_are_those_of_the_jacobian() -> None:
    found = products()
    r, jacobian = found.residual.jacobian()
    generator = torch.Generator().manual_seed(0)
    v, w = (torch.randn(n, generator=generator, dtype=torch.float64) for n in reversed(jacobian.shape))
    torch.testing.assert_close(found.rows, r)
    torch.testing.assert_close(found.forward(v), jacobian @ v, rtol=0, atol=1e-8 * float((jacobian @ v).norm()))
    torch.testing.assert_close(found.adjoint(w), jacobian.T @ w, rtol=1e-10, atol=1e-10)
    assert float(found.forward(0 * v).abs().max()) == 0


def test_a_nystrom_sketch_has_the_large_eigenvalues_and_lowers_the_condition_number() -> None:
    found = products()
    _, jacobian = found.residual.jacobian()
    matrix = jacobian.T @ jacobian
    exact = torch.linalg.eigvalsh(matrix).flip(0)
    sketch = Nystrom.of(found, 30, torch.Generator().manual_seed(0))
    torch.testing.assert_close(sketch.values[:6], exact[:6], rtol=0.05, atol=0)
    assert bool((sketch.values <= exact[:30] * (1 + 1e-6)).all())  # it is below in every direction
    damping = float(exact[20])
    damped = matrix + damping * torch.eye(len(matrix), dtype=matrix.dtype)
    inverse = torch.stack([sketch.solve(e, damping) for e in torch.eye(len(matrix), dtype=matrix.dtype)])
    spectrum = torch.linalg.eigvals(inverse @ damped).real
    assert float(spectrum.max() / spectrum.min()) < 0.01 * float((exact[0] + damping) / damping)


def test_the_damped_map_is_its_adjoints_adjoint() -> None:
    found = products()
    operator = Damped(found, 0.3)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(found.theta), generator=generator, dtype=torch.float64)
    y = torch.randn(len(found.rows) + len(x), generator=generator, dtype=torch.float64)
    assert float(operator.forward(x) @ y) == pytest.approx(float(x @ operator.adjoint(y)), rel=1e-7)


@pytest.mark.parametrize(("solver", "share"), [
    (ps.SOAP(iterations=100, rate=1e-2, points=200, schedule="cosine"), 0.02),
    (ps.Muon(iterations=100, rate=1e-2, points=200, schedule="cosine"), 0.05),
    (ps.SSBroyden(iterations=80, points=200, resample=30), 1e-3),
    (ps.NNCG(iterations=6, points=200, rank=20, products=30), 1e-3),
], ids=lambda value: type(value).__name__)
def test_the_loss_falls(solver, share) -> None:
    solution = ps.solve(PROBLEM, network(), solver, progress=False)
    assert solution.history.loss.min() < share * solution.history.loss[0]
    assert solution.status.ok
    assert solution.settings["dtype"] == ("float32" if isinstance(solver, (ps.SOAP, ps.Muon)) else "float64")


def test_broyden_reports_points_that_stay_and_leaves_its_best_fields() -> None:
    """The reported loss is comparable across new points: without them it never rises by much."""
    solution = ps.solve(PROBLEM, network(), ps.SSBroyden(iterations=60, points=300, resample=10, every=1), progress=False)
    loss = solution.history.loss
    assert len(loss) == 61
    assert (loss[1:] < 2 * loss[:-1]).all()


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ps.SSBroyden(resample=0), "below 1"),
    (lambda: ps.solve(PROBLEM, network(), ps.SSBroyden(points=50), memory_limit=1e5), "inverse Hessian of 337 parameters"),
    (lambda: ps.solve(PROBLEM, solver=ps.SSBroyden()), "needs a network"),
    (lambda: ps.NNCG(rank=0), "below 1"),
    (lambda: ps.NNCG(adaptive="even"), "rad, r3"),
    (lambda: ps.Adam(clip=-1.0), "give a norm > 0"),
    (lambda: ps.NNCG(tolerance=1.0), "between 0 and 1"),
    (lambda: ps.SOAP(refresh=0), "whole numbers >= 1"),
    (lambda: ps.Muon(momentum=1.0), "from 0 to below 1"),
    (lambda: ps.solve(PROBLEM, network(layers=1), ps.Muon()), "without a hidden matrix"),
    (lambda: ps.Adam(balance="equal"), "gradient, ntk, self-adaptive"),
    (lambda: ps.Adam(balance="self-adaptive", batch=10), "Leave batch out"),
])
def test_bad_solvers(make, message) -> None:
    with pytest.raises(ps.SolveError, match=message):
        make()


def test_nncg_wants_squares() -> None:
    x, y = ps.coordinates("x y")
    u, square = ps.Field("u", x, y), ps.Box({x: (0, 1), y: (0, 1)})
    robust = ps.Problem(ps.Equation(u, x, name="values").on(square.interior, norm="l1"))
    with pytest.raises(ps.SolveError, match="in another norm than l2"):
        ps.solve(robust, network(), ps.NNCG(points=50), progress=False)
