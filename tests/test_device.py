"""The same numbers on a GPU as on the CPU, with no tensor on the wrong device.

Each test runs on the pretended device of ``tests/pretend.py``, which is always there, and on CUDA where there is a GPU:
``pytest -m cuda`` runs the latter alone.
"""

import copy
from contextlib import nullcontext

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations import burgers, poisson, wave
from pinnsiren.jets import Channels
from pinnsiren.last_layer import LastLayer, jets_of
from pinnsiren.model import Model
from pinnsiren.networks import Constant, ModuleNetwork, Slabs
from pinnsiren.residual import Residual
from pinnsiren.solvers.adaptive import redraw
from pinnsiren.solvers.captured import Batches, Captured
from pinnsiren.solvers.causal import causal_factors
from pinnsiren.solvers.damping import damped_steps
from pinnsiren.solvers.estimate import judge
from pinnsiren.solvers.linearised import Linearised
from pinnsiren.solvers.output_layer import OutputLayer
from tests.pretend import WrongDeviceError, as_in_a_graph, pretended

F64 = torch.float64
SQUARE = [[-1, 1], [-1, 1]]
CUDA = pytest.param("real", marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
PRETENDED = pytest.param("pretended", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"))


@pytest.fixture(params=[PRETENDED, CUDA])
def gpu(request):
    """A device other than the CPU."""
    with pretended() if request.param == "pretended" else nullcontext():
        yield "cuda"


@pytest.fixture
def pretence():
    with pretended() as device:
        yield device


def test_the_pretended_device_finds_what_a_gpu_refuses(pretence) -> None:
    x = torch.ones(3, device="cuda")
    assert [t.device.type for t in (x, x + 1, torch.ones(3), x.cpu())] == ["cuda", "cuda", "cpu", "cpu"]
    assert torch.nn.functional.one_hot(x.long(), 3).device.type == torch.ones(3).to(x).device.type == "cuda"
    torch.testing.assert_close((x[[0, 1]] + torch.tensor(2.0)).tolist(), [3.0, 3.0])
    for wrong in (lambda: x + torch.ones(3), lambda: x.numpy(), lambda: torch.cat([x, torch.ones(1)]),
                  lambda: torch.ones(3)[x.long()], lambda: torch.rand(3, device="cuda", generator=torch.Generator()),
                  lambda: torch.linalg.solve_triangular(torch.eye(3, device="cuda"), torch.ones(3, 1), upper=True)):
        with pytest.raises(WrongDeviceError):
            wrong()
    with as_in_a_graph(pretence):
        for waits in (lambda: float(x[0]), x.tolist, x.cpu, lambda: x[[0, 1]], lambda: x[x > 0], lambda: x.new_tensor([1.0]),
                      lambda: bool((x > 0).all()), lambda: torch.tensor(1.0, device="cuda"), lambda: x.copy_(torch.ones(3))):
            with pytest.raises(WrongDeviceError):
                waits()


NETWORKS = {
    "siren": lambda **o: ps.Siren(2, 1, 8, 2, omega0=[3.0, 1.0], learnable_omega0=True, box=[[-1, 1], [0, 2]], **o),
    "periodic siren": lambda **o: ps.Siren(2, 1, 8, 2, omega0=3.0, periodic=(True, False), **o),
    "mlp": lambda **o: ps.MLP(2, 1, 8, 2, **o),
    "fourier": lambda **o: ps.Fourier(2, 1, 12, 4.0, mirror=[(0, 0, 1)], **o),
    "windows": lambda **o: ps.Windows(2, 1, (2, 2), 6, 3.0, box=[[-1, 1], [0, 2]], **o),
    "constant": lambda **o: Constant(1, 2.0, **o),
    "slabs": lambda **o: Slabs(1, [0, 1, 2], [ps.Siren(2, 1, 5, 1, omega0=2.0, seed=k, **o) for k in (0, 1)]),
    "module": lambda dtype, device="cpu": ModuleNetwork(
        torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1)), 2, 1).to(device, dtype),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_jets_and_rows(name, gpu) -> None:
    found = []
    for device in ("cpu", gpu):
        torch.manual_seed(0)
        network = NETWORKS[name](dtype=F64, device=device)
        points = torch.rand(17, network.inputs, dtype=F64, generator=torch.Generator().manual_seed(1)).to(device)
        plain = Channels(2, ((1, 1), (0, 2)), (((0, 0), (1, 1)), ((0, 0),))) if network.inputs else Channels(0, ((),))
        coefficients = [torch.ones(2, 1, dtype=F64), points[:, :1].T] if network.inputs else []
        trace = network.trace(points, plain, coefficients)
        rows = trace.pullback(torch.ones_like(trace.jet))
        jet = network.jet(points, plain, coefficients)
        gradient = torch.autograd.grad(jet.square().sum(), list(network.parameters()), allow_unused=True,
                                       materialize_grads=True)
        assert rows.device.type == jet.device.type == torch.device(device).type
        found.append([t.detach().cpu() for t in (jet, trace.jet, rows, *gradient)])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)


def sampled(problem, network, device, count=60):
    together = {}
    for f in problem.carried:
        together.setdefault(f.coordinates, []).append(f)
    model = Model({tuple(f): network for f in together.values()}).to(device)
    return Residual.sampled(problem, model, {c.name: c.region.points or count for c in problem.constraints}, seed=3)


def test_residual_jacobian_and_steps(gpu) -> None:
    found = []
    for device in ("cpu", gpu):
        residual = sampled(burgers.burgers(), ps.MLP(2, 1, 6, 2, dtype=F64), device)
        r, jacobian = residual.jacobian()
        steps = [reduced(j, v, precise=precise).step(1e-3).step for precise in (True, False)
                 for j, v in ((jacobian, r), (jacobian[:20], r[:20]))]
        assert reduced(0 * jacobian, r, precise=True).step(0.0) is None
        found.append([t.detach().cpu() for t in (residual(), r, jacobian, causal_factors(residual, r, 0.1), *steps)])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-7, atol=1e-9)


def reduced(jacobian, r, *, precise):
    """The damped steps of a Jacobian that is held."""
    system = Linearised(None, jacobian.new_zeros(jacobian.shape[1]), r, torch.ones_like(r), jacobian, 0.0)
    return damped_steps(system, r, precise=precise, memory_limit=1e9)


@pytest.mark.parametrize("adaptive", ["rad", "r3"])
def test_points_that_follow_the_residual(adaptive, gpu) -> None:
    found = [redraw(adaptive)(sampled(poisson.poisson_bump(), ps.Siren(2, 1, 6, 2, omega0=3.0, dtype=F64), device), seed=2)
             for device in ("cpu", gpu)]
    for one, other in zip(*(f.samples for f in found), strict=True):
        assert other.inputs[0].device.type == "cuda"
        torch.testing.assert_close(other.inputs[0].cpu(), one.inputs[0])


@pytest.mark.parametrize("limit", [1e9, 1.5e6, 1e5], ids=["dense", "triangle", "normal equations"])
def test_least_squares_and_its_estimate(limit, gpu) -> None:
    problem, errors = poisson.poisson_exp_sin(), []
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    for device in ("cpu", gpu):
        residual = sampled(problem, ps.Fourier(2, 1, 80, 5.0, box=SQUARE, dtype=F64), device, count=150)
        scales = OutputLayer(residual, 5, 1e-3, limit, float("inf")).solve(None)
        estimate, _, _ = judge(residual.resampled(seed=9), scales)
        x = torch.as_tensor(points).to(residual.model.reference)
        errors.append((estimate, residual.model.carriers[0].network(x).detach().cpu()))
    assert errors[1][0] == pytest.approx(errors[0][0], rel=0.2)
    torch.testing.assert_close(errors[1][1], errors[0][1], rtol=0, atol=30 * errors[0][0])


def test_a_complex_field_has_complex_unknowns(gpu) -> None:
    x, y = ps.coordinates("x y")
    u, square = ps.Field("u", x, y, complex=True), ps.Box({x: (-1, 1), y: (-1, 1)})
    problem = ps.Problem(ps.Equation(ps.laplacian(u) + (2 + sympy.I) * u, x).on(square.interior),
                         ps.Equation(u, sympy.I).on(square.boundary))
    values = []
    for device in ("cpu", gpu):
        residual = sampled(problem, ps.Fourier(2, 2, 20, 3.0, dtype=F64), device)
        layer = OutputLayer(residual, 1, 1e-3, 1e9, float("inf"))
        layer.solve(None)
        assert layer._pairing == (((0, 1),),)
        values.append(LastLayer(residual).values(jets_of(residual.model, residual))["interior"].cpu())
    torch.testing.assert_close(values[1], values[0], rtol=0, atol=1e-7)


def history(solver, network, device, problem=None):
    network = copy.deepcopy(network)
    return ps.solve(problem or poisson.poisson_sine(), network, solver, device=device, dtype=F64, progress=False).history


@pytest.mark.parametrize("options", [{}, {"batch": 20, "clip": 1.0, "schedule": "cosine"}])
def test_first_order_steps_are_recorded_and_go_the_same_way(options, gpu) -> None:
    solver = ps.Adam(iterations=8, rate=1e-2, points=60, every=1, **options)
    cpu, there = (history(solver, ps.Siren(2, 1, 8, 2, omega0=3.0, dtype=F64), d) for d in ("cpu", gpu))
    assert set(there.phases) == {"Adam"}  # else a note says why it was not recorded
    np.testing.assert_allclose(there.loss, cpu.loss, rtol=1e-6)
    assert len(set(cpu.loss)) == len(cpu.loss)


def test_causal_weights_are_recorded_too(gpu) -> None:
    solver, network = ps.Adam(iterations=5, rate=1e-2, points=60, every=1, causal=1.0), ps.MLP(2, 1, 6, 2, dtype=F64)
    cpu, there = (history(solver, network, d, burgers.burgers()) for d in ("cpu", gpu))
    assert set(there.phases) == {"Adam"}
    np.testing.assert_allclose(there.loss, cpu.loss, rtol=1e-6)


def test_what_waits_for_the_device_is_called_each_time_with_a_note(gpu) -> None:
    x = torch.ones((), device=gpu)
    step = Captured(lambda: (x.add_(1) * float(x),), torch.device(gpu))
    results = [float(step()[0]) for _ in range(6)]
    assert step.note.startswith("no CUDA graph: ")
    assert results[-1] > results[2] > results[0]


def test_batches_are_other_points_of_the_pool_in_the_same_place() -> None:
    pool = sampled(poisson.poisson_exp_sin(), ps.Siren(2, 1, 6, 2, omega0=3.0, dtype=F64), "cpu")
    batches, again = (Batches(pool, 20, torch.Generator().manual_seed(4)) for _ in range(2))
    rows = batches._rows
    seen = []
    for _ in range(2):
        batches.draw()
        seen.append(batches.residual())
    assert batches._rows is rows
    assert not torch.equal(*seen)
    again.draw()
    evaluated = pool.at([s.group for s in pool.samples], seed=3)  # the pool's own points, bound anew at some of them
    torch.testing.assert_close(sampled_rows(evaluated, again._rows), seen[0], rtol=1e-12, atol=1e-12)
    assert len(seen[0]) == sum(map(len, rows))


def sampled_rows(pool, rows):
    """The rows of a batch from those of the whole pool, scaled by its own number of points."""
    whole, blocks = pool(), list(pool.blocks.values())
    return torch.cat([whole[b][r] * (len(whole[b]) / len(r)) ** 0.5 for b, r in zip(blocks, rows, strict=True)])


def test_gauss_newton_goes_the_same_way(gpu) -> None:
    solver, network = ps.GaussNewton(iterations=2, rows_per_parameter=1.5), ps.Siren(2, 1, 5, 1, omega0=3.0, dtype=F64)
    cpu, there = (history(solver, network, d, poisson.poisson_cubic()) for d in ("cpu", gpu))
    np.testing.assert_allclose(there.measure, cpu.measure, rtol=1e-4)


def test_windows_go_the_same_way(gpu) -> None:
    network = ps.Windows(2, 1, (2, 2), 6, 3.0, box=SQUARE)
    cpu, there = (history(ps.MatrixFree(iterations=5), network, d) for d in ("cpu", gpu))
    np.testing.assert_allclose(there.measure[-1], cpu.measure[-1], rtol=1e-2)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize(("make", "bound"),
                         [(poisson.poisson_sine, 1e-11), (wave.wave_1d, 1e-10), (poisson.poisson_cubic, 1e-7)])
def test_whole_solves_on_a_gpu(make, bound) -> None:
    problem = make()
    solution = ps.solve(problem, device="cuda", progress=False)
    assert solution.settings["device"].startswith("cuda")
    assert ps.validate(solution, ps.Exact()).errors[problem.fields[0]].relative_l2 < bound
