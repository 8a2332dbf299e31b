"""Gauss–Newton in bounded memory: every way to reduce the Jacobian gives the step of the whole one, and holds no more."""

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import pinnsiren as ps
from pinnsiren.model import Model
from pinnsiren.residual import Residual
from pinnsiren.solvers import damping
from pinnsiren.solvers.damping import Kernel, NormalEquations, Orthogonal, damped_steps
from pinnsiren.solvers.linearised import Linearised
from pinnsiren.solvers.sketch import Sketched, sketch_rows, sketched


def bulge(norm: str = "l2") -> ps.Problem:
    x, y = ps.coordinates("x y")
    u, square = ps.Field("u", x, y), ps.Box({x: (-1, 1), y: (-1, 1)})
    return ps.Problem(ps.Equation(-ps.laplacian(u) + u**3, 1).on(square.interior, norm=norm),
                      ps.Equation(u, 0).on(square.boundary))


def cubic(width: int, points: int, norm: str = "l2") -> Residual:
    """−Δu + u³ = 1 with a small network; rows of two constraints."""
    problem = bulge(norm)
    u = problem.fields[0]
    model = Model({(u,): ps.Siren(2, 1, width, 2, omega0=[4.0, 1.0], seed=3, dtype=torch.float64)})
    return Residual.sampled(problem, model, dict.fromkeys([c.name for c in problem.constraints], points), seed=5)


@pytest.mark.parametrize("norm", ["l2", "huber"])
@pytest.mark.parametrize(("width", "precise", "kind"), [(8, False, NormalEquations), (8, True, Orthogonal),
                                                        (8, True, NormalEquations), (24, False, Kernel)])
def test_steps_from_pieces_are_those_of_the_whole_jacobian(width, precise, kind, norm) -> None:
    residual = cubic(width, 150, norm)
    whole = Linearised.of(residual, 1e9)
    small = min(whole.shape)
    limit = (damping.TRIANGLES if kind is Orthogonal else damping.SQUARES) * 1.2 * small**2 * 8
    parts = Linearised.of(residual, limit)
    assert whole.held is not None and parts.held is None and len(list(parts.pieces())) > 3
    factors = torch.linspace(0.5, 1.0, whole.shape[0], dtype=torch.float64)
    whole, parts = whole.weighted(factors), parts.weighted(factors)
    torch.testing.assert_close(parts.r, whole.r)
    torch.testing.assert_close(parts.forward(parts.theta), whole.forward(parts.theta))
    wanted, found = (damped_steps(s, s.r, precise=precise, memory_limit=m) for s, m in ((whole, 1e9), (parts, limit)))
    assert isinstance(found, kind)
    for level in (1e-6, 1e-2):
        a, b = (s.step(level * wanted.size) for s in (wanted, found))
        torch.testing.assert_close(b.step, a.step, rtol=1e-7, atol=1e-9)
        assert b.gain == pytest.approx(a.gain, rel=1e-7)


def test_pieces_are_made_around_the_parameters_they_were_asked_for() -> None:
    parts = Linearised.of(cubic(8, 150), 1e5)
    before = parts.forward(parts.theta)
    for p in parts.residual.model.parameters():
        p.data.add_(1.0)
    torch.testing.assert_close(parts.forward(parts.theta), before)


def test_a_sketch_solves_what_has_a_solution_and_finds_out_what_it_promised() -> None:
    system = Linearised.of(cubic(8, 300), 1e9)
    wanted = torch.linspace(-1, 1, system.shape[1], dtype=torch.float64)
    target = -system.forward(wanted)
    step = sketched(system, target, 1e9).step(1e-13)
    torch.testing.assert_close(system.forward(step.step), -target, rtol=1e-5, atol=1e-5 * float(target.norm()))
    few = sketched(system, system.r, 4e4)
    assert sketch_rows(system.shape[1], 4e4) < 0.5 * min(system.shape)
    p = few.step(1e-3 * few.size)
    gain = 0.5 * float(system.r.square().sum()) - 0.5 * float((system.r + system.forward(p.step)).square().sum())
    assert p.gain == pytest.approx(gain, rel=1e-9)
    assert p.gain < few.inner.step(1e-3 * few.size).gain  # it fits its own rows better than all


class Live(TorchDispatchMode):
    """The bytes of all tensors made inside that are alive at once: now, and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, int] = {}
        self.now = self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for t in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(t, torch.Tensor):
                self.count(t)
        return out

    def count(self, t: torch.Tensor) -> None:
        storage = t.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if key in self.held or not size:
            return
        self.held[key] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(t, self.forget, key)

    def forget(self, key: int) -> None:
        self.now -= self.held.pop(key, 0)


@pytest.mark.parametrize("limit", [4e6, 1.5e6])
def test_a_wide_network_descends_in_little_memory(limit) -> None:
    """3361 parameters and 700 rows: J takes 19 MB, JᵀJ 90 MB, JJᵀ 3.9 MB."""
    problem = bulge()
    network = ps.Siren(2, 1, 56, 2, omega0=[6.0, 1.0], seed=0)
    with Live() as live:
        solution = ps.solve(problem, network, ps.GaussNewton(iterations=4, adaptive=None, resample=False), points=700, seed=1,
                            memory_limit=limit, progress=False)
    assert solution.history.loss[-1] < 0.2 * solution.history.loss[0]
    assert live.most < limit + 8e6  # beside the points, the network's own passes, and the estimate's


@pytest.mark.parametrize(("parameters", "limit", "points"), [(1000, 4e9, 3000), (30_000, 4e9, 2048), (30_000, 1e7, 612),
                                                             (30_000, 1e12, 90_000)])
def test_wide_networks_get_as_many_points_as_fit(parameters, limit, points) -> None:
    assert ps.GaussNewton()._points(parameters, limit) == points


def test_which_reduction_follows_from_the_memory() -> None:
    residual = cubic(24, 100)
    kinds = {}
    for limit in (1e9, 1.5e6, 1e5):
        system = Linearised.of(residual, limit)
        kinds[limit] = type(damped_steps(system, system.r, precise=False, memory_limit=limit))
    assert list(kinds.values()) == [Kernel, Kernel, Sketched]
