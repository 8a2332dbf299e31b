"""Networks of windows: a partition of unity, jets and rows against automatic differentiation, refusals."""

from itertools import product

import pytest
import torch

from pinnsiren.errors import DataError, SolveError
from pinnsiren.jets import Channels
from pinnsiren.networks import build
from pinnsiren.networks.windows import Windows, smoothstep

DOUBLE = torch.float64


def network(d: int, outputs: int = 2, smoothness: int = 4) -> Windows:
    made = Windows(d, outputs, [3, 4, 2][:d], 20, [5.0, 7.0, 6.0][:d], box=[[-1, 2], [0, 1], [2, 5]][:d],
                   smoothness=smoothness)
    generator = torch.Generator().manual_seed(d)
    with torch.no_grad():
        made.coefficients.copy_(torch.randn(made.coefficients.shape, dtype=DOUBLE, generator=generator))
    return made


def inside(made: Windows, n: int = 9) -> torch.Tensor:
    unit = torch.rand(n, made.inputs, dtype=DOUBLE, generator=torch.Generator().manual_seed(5))
    return made.lower + unit * made.size * torch.tensor(made.cells)


def plainly(made: Windows, x: torch.Tensor) -> torch.Tensor:
    """The same function from its definition, one window after another."""
    total = torch.zeros(len(x), made.outputs, dtype=DOUBLE)
    half = made.features // 2
    for w, node in enumerate(product(*(range(n) for n in made.nodes))):
        xi = (x - made.lower) / made.size - torch.tensor(node, dtype=DOUBLE)
        t = xi.abs().clamp_max(1)
        step = sum(a * t**k for k, a in enumerate(made.steps))
        angle = xi @ made.frequencies.T
        waves = torch.cat([torch.cos(angle[:, :1 + half]), torch.sin(angle[:, 1 + half:])], dim=1)
        total = total + (1 - step).prod(1, keepdim=True) * (waves @ made.coefficients[w])
    return total


@pytest.mark.parametrize("d", [1, 2, 3])
def test_jets_are_the_derivatives_of_the_definition(d) -> None:
    made = network(d)
    x = inside(made).requires_grad_()
    orders = tuple(o for o in product(range(4), repeat=d) if sum(o) <= (3 if d < 3 else 2))
    channels = Channels(d, orders, (tuple((i, i) for i in range(d)), ((0, d - 1),)))
    weights = (torch.rand(d, len(x), dtype=DOUBLE), torch.tensor([[2.5]], dtype=DOUBLE))
    jet = made.jet(x.detach(), channels, weights)
    value = plainly(made, x)
    for o in range(made.outputs):
        found = {(0,) * d: value[:, o]}
        for alpha in channels.carried[1:]:
            i = next(i for i in range(d) if alpha[i])
            lower = tuple(a - (j == i) for j, a in enumerate(alpha))
            found[alpha] = torch.autograd.grad(found[lower].sum(), x, create_graph=True)[0][:, i]
        for alpha in channels.carried:
            scale = float(found[alpha].detach().abs().max()) + 1
            torch.testing.assert_close(jet[channels.index(alpha), :, o], found[alpha], rtol=0, atol=1e-11 * scale)
        laplacian = sum(w * found[tuple(2 * (j == i) for j in range(d))] for i, w in enumerate(weights[0]))
        torch.testing.assert_close(jet[channels.operator_index(0), :, o], laplacian, rtol=1e-10, atol=1e-9)
        mixed = 2.5 * found[tuple((j == 0) + (j == d - 1) for j in range(d))]
        torch.testing.assert_close(jet[channels.operator_index(1), :, o], mixed, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("smoothness", [1, 3])
def test_windows_are_a_partition_of_unity(d, smoothness) -> None:
    made = network(d, smoothness=smoothness)
    with torch.no_grad():
        made.coefficients.zero_()
        made.coefficients[:, 0] = 1  # the constant in every window
    wanted = tuple(o for o in product(range(3), repeat=d) if sum(o) <= 2)
    jet = made.jet(inside(made), Channels(d, wanted))
    torch.testing.assert_close(jet[0], torch.ones_like(jet[0]), rtol=0, atol=1e-13)
    torch.testing.assert_close(jet[1:], torch.zeros_like(jet[1:]), rtol=0, atol=1e-10)


@pytest.mark.parametrize("p", [1, 2, 3, 5])
def test_smoothsteps_are_flat_at_their_ends(p) -> None:
    steps = smoothstep(p)
    assert torch.all(steps[:p + 1] == 0)
    assert float(steps.sum()) == pytest.approx(1)
    for order in range(1, p + 1):
        factors = torch.tensor([float(torch.prod(torch.arange(k - order + 1, k + 1))) if k >= order else 0.0
                                for k in range(len(steps))], dtype=DOUBLE)
        assert float((factors * steps).sum()) == 0


def test_fields_are_smooth_across_the_faces_of_cells() -> None:
    made = network(2, smoothness=2)
    face = made.lower + made.size
    eps = 1e-7
    channels = Channels(2, ((2, 0), (1, 1), (0, 2)))
    before, after = (made.jet((face + s * eps)[None], channels) for s in (-1, 1))
    torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-3)


def test_rows_pull_back_as_autograd_does() -> None:
    made = network(2)
    channels = Channels(2, ((1, 0), (0, 2)), (((0, 0), (1, 1)),))
    trace = made.trace(inside(made), channels, (torch.ones(2, 1, dtype=DOUBLE),))
    cotangent = torch.randn(trace.jet.shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))
    rows = trace.pullback(cotangent)
    jet = made.jet(inside(made), channels, (torch.ones(2, 1, dtype=DOUBLE),))
    torch.testing.assert_close(jet, trace.jet)
    expected = torch.autograd.grad((jet * cotangent).sum(), made.coefficients)[0]
    torch.testing.assert_close(rows.sum(0), expected.flatten())
    one = torch.autograd.grad((made.jet(inside(made)[3:4], channels, (torch.ones(2, 1, dtype=DOUBLE),))
                               * cotangent[:, 3:4]).sum(), made.coefficients)[0]
    torch.testing.assert_close(rows[3], one.flatten())


def test_corners_of_the_box_and_no_points_at_all() -> None:
    made = network(2)
    corners = torch.tensor([[-1.0, 0.0], [2.0, 1.0]], dtype=DOUBLE)
    torch.testing.assert_close(made(corners), plainly(made, corners))
    assert made(corners[:0]).shape == (0, 2)


def test_specs_build_their_like() -> None:
    made = network(2)
    again = build(*made.spec())
    again.load_state_dict(made.state_dict())
    assert torch.equal(again(inside(made)), made(inside(made)))
    assert again.spec() == made.spec()


def test_refusals() -> None:
    with pytest.raises(DataError, match="outside the box"):
        network(2)(torch.tensor([[2.5, 0.5]], dtype=DOUBLE))
    with pytest.raises(SolveError, match="one for each input"):
        Windows(2, 1, [3], 20, 5.0, box=[[0, 1], [0, 1]])
    with pytest.raises(SolveError, match="positive numbers"):
        Windows(2, 1, [3, 3], 20, -5.0, box=[[0, 1], [0, 1]])
    with pytest.raises(SolveError, match="whole number >= 1"):
        Windows(2, 1, [3, 0], 20, 5.0, box=[[0, 1], [0, 1]])
