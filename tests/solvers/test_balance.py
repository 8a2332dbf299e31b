"""Balanced constraints: the factors beside dense Jacobians, and what they are for."""

import pytest
import torch

import pinnsiren as ps
from pinnsiren.equations import poisson
from pinnsiren.formulation import formulate
from pinnsiren.model import Model
from pinnsiren.ranks import ALONE
from pinnsiren.residual import Residual
from pinnsiren.solvers.balance import ASCENT, MEMORY, balance_for, gradient_norms

PROBLEM = poisson.poisson_sine()


def residual():
    problem = formulate(PROBLEM).problem
    network = ps.Siren(2, 1, 12, 2, omega0=[4.0, 1.0], seed=0, dtype=torch.float64)
    names = [c.name for c in problem.constraints]
    return Residual.sampled(problem, Model({problem.carried: network}), dict(zip(names, (60, 20), strict=True)))


def test_gradient_norms_are_those_of_each_constraints_loss() -> None:
    found = residual()
    r, jacobian = found.jacobian()
    norms = gradient_norms(found)
    for name, block in found.blocks.items():
        assert norms[name] == pytest.approx(float((jacobian[block].T @ r[block]).norm()), rel=1e-10)


def test_gradients_are_made_equally_long() -> None:
    found = residual()
    r, jacobian = found.jacobian()
    factors = balance_for("gradient", 0, ALONE).factors(found, r, 0)
    lengths = [float((jacobian[b].T @ (factors[b] ** 2 * r[b])).norm()) for b in found.blocks.values()]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-3)
    assert float(factors.min()) < 0.5 * float(factors.max())


def test_traces_of_the_tangent_kernel_are_made_equal() -> None:
    """Fewer points than are drawn: all rows come in, some more than once, so the trace is that of a mean over them."""
    found = residual()
    r, jacobian = found.jacobian()
    factors = balance_for("ntk", 0, ALONE).factors(found, r, 0)
    traces = [float((factors[b, None] * jacobian[b]).square().sum()) for b in found.blocks.values()]
    assert traces[0] == pytest.approx(traces[1], rel=0.3)
    assert float(jacobian[found.blocks[found.order[0]]].square().sum()) > 5 * float(
        jacobian[found.blocks[found.order[1]]].square().sum())


@pytest.mark.parametrize("kind", ["gradient", "ntk", "self-adaptive"])
def test_the_problems_own_weights_stay_beside_the_balance(kind) -> None:
    found = residual()
    heavy = found.weighted({found.order[0]: 100.0})
    factors, others = (balance_for(kind, 0, ALONE).factors(r, r().detach(), 0) for r in (found, heavy))
    torch.testing.assert_close(others, factors, rtol=1e-6, atol=0)


def test_constraint_weights_remember() -> None:
    found = residual()
    r = found().detach()
    balance = balance_for("gradient", 0, ALONE)
    first = balance.factors(found, r, 0)
    with torch.no_grad():
        for p in found.model.parameters():
            p.mul_(1.5)
    assert torch.equal(balance.factors(found, r, 1), first)  # not yet
    new = balance_for("gradient", 0, ALONE).factors(found, r, 0)
    expected = (MEMORY * first**2 + (1 - MEMORY) * new**2).sqrt()
    assert not torch.allclose(first, new, rtol=0.05)
    torch.testing.assert_close(balance.factors(found, r, 100), expected)


def test_row_weights_rise_where_an_equation_stays_unsolved() -> None:
    found = residual()
    balance = balance_for("self-adaptive", 0, ALONE)
    r = torch.ones(found.rows, dtype=torch.float64)
    r[0] = 10.0
    for k in range(50):
        factors = balance.factors(found, r, k)
    share = 1 / float(r[found.blocks[found.order[0]]].square().mean())
    expected = ((1 + 50 * ASCENT * 100 * share) / (1 + 50 * ASCENT * share)) ** 0.5
    assert float(factors[0] / factors[1]) == pytest.approx(expected)
    for block in found.blocks.values():
        assert float(factors[block].square().mean()) == pytest.approx(1)


def solved(balance, iterations=120):
    """Two waves on soft boundaries: the equation's rows are hundreds of times as large as those of the boundary."""
    solver = ps.SOAP(iterations=iterations, rate=1e-2, points=200, schedule="cosine", balance=balance, every=40)
    network = ps.Siren(2, 1, 20, 2, omega0=[6.0, 1.0], seed=0)
    return ps.solve(poisson.poisson_sine(2.0), network, solver, ansatz=False, progress=False)


@pytest.fixture(scope="module")
def plain():
    return solved(None)


@pytest.mark.parametrize("kind", ["gradient", "ntk"])
def test_constraint_weights_mend_boundaries_that_the_equation_drowns(plain, kind) -> None:
    balanced = solved(kind)
    errors = [next(iter(ps.validate(s).errors.values())).relative_l2 for s in (plain, balanced)]
    assert errors[1] < 0.5 * errors[0]
    assert balanced.history.loss[0] == plain.history.loss[0]  # in the problem's own weights


def test_row_weights_leave_the_reported_loss_alone(plain) -> None:
    assert solved("self-adaptive", 1).history.loss[0] == plain.history.loss[0]
