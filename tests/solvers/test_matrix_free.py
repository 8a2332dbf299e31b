"""Least squares on windows: products against an explicit matrix, the preconditioner, problems with known answers."""

import warnings
from itertools import islice

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.domains.lattice import Lattice
from pinnsiren.equations.images import image_from_gradients, image_from_laplacian
from pinnsiren.errors import SolveError
from pinnsiren.model import Model
from pinnsiren.networks.windows import Windows
from pinnsiren.residual import Residual
from pinnsiren.signals import psnr, read_image
from pinnsiren.solvers.conjugate_gradients import conjugate_gradients
from pinnsiren.solvers.matrix_free import MatrixFree, linear_blocks
from pinnsiren.solvers.window_choice import choose
from pinnsiren.solvers.window_levels import TwoLevel, local_basis
from pinnsiren.solvers.window_operator import WindowOperator
from pinnsiren.solvers.window_points import PointRows
from pinnsiren.solvers.window_rows import CellRows, Layout

x, y = ps.coordinates("x y")
u, v = ps.Field("u", x, y), ps.Field("v", x, y)
square = ps.Box({x: (-1, 1), y: (-1, 1)})


def grid(k: int, keep=lambda p: np.ones(len(p), dtype=bool)) -> ps.PointSet:
    axis = -1 + (np.arange(k) + 0.5) * 2 / k
    points = np.stack([a.ravel() for a in np.meshgrid(axis, axis)], axis=1)
    return ps.PointSet((x, y), points[keep(points)])


SYSTEMS = {  # pixels with and without holes, varying coefficients, several fields, points that lie anyhow
    "constant": [ps.Equation(ps.laplacian(u) + 2 * u, x).on(grid(12))],
    "vector": [ps.Equation(ps.grad(u), (y, 1)).on(grid(12))],
    "varying": [ps.Equation(ps.div([(1 + x**2) * d for d in ps.grad(u)]) + y * u, 1).on(grid(12))],
    "holes": [ps.Equation(ps.laplacian(u), 1).on(grid(12, lambda p: np.hypot(*p.T) > 0.4)),
              ps.Equation(u, y).on(square.boundary)],
    "fields": [ps.Equation(ps.laplacian(u) + v.diff(x), 1).on(grid(12)), ps.Equation(v.diff(x, y) - u, x).on(grid(12)),
               ps.Equation(u + 2 * v, y).on(square.boundary)],
}


def system(name: str) -> tuple[Windows, Residual]:
    problem = ps.Problem(*SYSTEMS[name])
    network = Windows(2, len(problem.fields), (3, 3), 16, 12.0, box=[[-1, 1], [-1, 1]])
    model = Model({problem.fields: network})
    counts = {c.name: c.region.points or 25 for c in problem.constraints}
    return network, Residual.sampled(problem, model, counts, seed=3)


def operator_of(name: str, **options) -> tuple[Windows, Residual, WindowOperator]:
    network, residual = system(name)
    blocks = [b for _, b in linear_blocks(residual)]
    return network, residual, WindowOperator.of(network, blocks, local_basis(network, blocks, 1e-10), **options)


def dense(operator) -> torch.Tensor:
    zero = operator.zero()
    eye = torch.eye(zero.numel(), dtype=zero.dtype)
    return torch.stack([operator.forward(e.view(zero.shape)) for e in eye], dim=1)


@pytest.mark.parametrize("name", SYSTEMS)
def test_products_and_targets_are_those_of_the_jacobian(name) -> None:
    network, residual, operator = operator_of(name)
    assert {type(r) for r in operator.blocks} == ({CellRows} if len(SYSTEMS[name]) == 1 else {CellRows, PointRows})
    r, jacobian = residual.jacobian()  # at u = 0, so that r = −target
    vector = torch.randn(operator.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = {n: torch.stack([jacobian[rows] @ operator.coefficients(vector).flatten(), -r[rows]], dim=1)
                for n, rows in residual.blocks.items()}
    sizes = [len(rows.target) for rows in operator.blocks]
    found: dict[str, list[torch.Tensor]] = {n: [] for n in residual.order}
    images, targets = operator.forward(vector).split(sizes), operator.target.split(sizes)
    for (c, block), rows, image, target in zip(linear_blocks(residual), operator.blocks, images, targets, strict=True):
        part = torch.stack([image, target], dim=1) / block.scale * (c.weight / len(block.points)) ** 0.5
        order = Layout.of(network, block.points).order if isinstance(rows, CellRows) else rows.order
        found[c.name].append(part[order])
    for n, rows in expected.items():
        torch.testing.assert_close(torch.cat(found[n]), rows, rtol=0, atol=1e-10 * float(rows.abs().max()))


@pytest.mark.parametrize("name", SYSTEMS)
def test_adjoint(name) -> None:
    _, _, operator = operator_of(name)
    generator = torch.Generator().manual_seed(1)
    vector = torch.randn(operator.shape, dtype=torch.float64, generator=generator)
    rows = torch.randn(operator.target.shape, dtype=torch.float64, generator=generator)
    left, right = float(operator.forward(vector) @ rows), float((vector * operator.adjoint(rows)).sum())
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("name", SYSTEMS)
def test_preconditioner_is_symmetric_and_positive_and_helps(name) -> None:
    network, _, operator = operator_of(name)
    precondition = TwoLevel.of(network, operator, 2)
    size = operator.zero().numel()
    matrix = torch.stack([precondition(e.view(operator.shape)).flatten() for e in torch.eye(size, dtype=torch.float64)])
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-9 * float(matrix.abs().max()))
    assert float(torch.linalg.eigvalsh(matrix)[0]) > 0
    runs = (conjugate_gradients(operator, operator.target, operator.zero(), m) for m in (torch.clone, precondition))
    plain, better = (next(islice(run, 15, None)) for run in runs)
    assert float(better.residual.norm()) < float(plain.residual.norm())


def test_conjugate_gradients_reach_the_least_squares_solution() -> None:
    network, _, operator = operator_of("constant")
    matrix, target = dense(operator), operator.target
    best = float((matrix @ torch.linalg.lstsq(matrix, target, driver="gelsd").solution - target).norm())
    precondition = TwoLevel.of(network, operator, 2, ridge=1e-6)
    for iterate in conjugate_gradients(operator, target, operator.zero(), precondition):
        if iterate.iteration == 300:
            break
    assert float(iterate.residual.norm()) == pytest.approx(best, rel=1e-3, abs=1e-8)
    torch.testing.assert_close(target - operator.forward(iterate.x), iterate.residual, rtol=0, atol=1e-9)


def poisson(domain, exact) -> ps.Problem:
    return ps.Problem(ps.Equation(ps.laplacian(u), ps.laplacian(exact, (x, y))).on(domain.interior),
                      ps.Equation(u, exact).on(domain.boundary), exact={u: exact})


def error(solution) -> float:
    return ps.validate(solution, ps.Exact()).errors[solution.problem.fields[0]].relative_l2


EXP_SIN = sympy.exp(x) * sympy.sin(3 * y) + x * y**2


@pytest.mark.parametrize(("domain", "largest"), [(square, 5e-5), (square - ps.Disc({x: 0, y: 0}, 0.5), 1e-4)])
def test_poisson_on_a_square_and_with_a_hole(domain, largest) -> None:
    solution = ps.solve(poisson(domain, EXP_SIN), solver=MatrixFree(), progress=False)
    assert solution.status.ok
    assert error(solution) < largest


@pytest.mark.parametrize(("make", "known", "least"), [(image_from_gradients, "gradient", 45),
                                                      (image_from_laplacian, "laplacian", 40)])
def test_images_are_rebuilt_beyond_the_targets(make, known, least) -> None:
    image = read_image("photo", 96)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.ProblemWarning)
        solution = ps.solve(make("photo", 96), solver=MatrixFree(), progress=False)
    u_of_image = solution.problem.fields[0]
    assert psnr(solution(u_of_image, image.points), image, known) > least


def test_sizes_that_are_no_multiples_of_cells() -> None:
    image = read_image("mri", 53)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ps.ProblemWarning)
        solution = ps.solve(image_from_gradients("mri", 53), solver=MatrixFree(), progress=False)
    assert psnr(solution(solution.problem.fields[0], image.points), image, "gradient") > 45
    assert abs(float(np.mean(solution(solution.problem.fields[0], image.points)))) < 0.02  # the gauge


def test_the_same_seed_gives_the_same_fields() -> None:
    problem = poisson(square, EXP_SIN)
    first, second = (ps.solve(problem, solver=MatrixFree(iterations=20), progress=False) for _ in range(2))
    points = square.interior.sample(10).values
    np.testing.assert_array_equal(first(u, points), second(u, points))


def test_pixels_are_recognised() -> None:
    found = Lattice.of(grid(12, lambda p: p[:, 0] > -0.6).values)
    assert found is not None
    assert found.counts == (10, 12)
    np.testing.assert_allclose(found.spacing, 2 / 12)
    assert Lattice.of(np.random.default_rng(0).random((50, 2))) is None
    for size, cells, upper in ((40, 2, 1.0), (48, 3, 1.0), (53, 3, -1 + 2 * 54 / 53)):  # 2 × 20, 3 × 16, 3 × 18 pixels
        choice = choose(image_from_gradients(size=size))
        assert choice.cells == (cells, cells)
        np.testing.assert_allclose(choice.box[0], [-1, upper])


def test_refusals() -> None:
    nonlinear = ps.Problem(ps.Equation(ps.laplacian(u), u**2).on(square.interior), ps.Equation(u, 1).on(square.boundary))
    with pytest.raises(SolveError, match="linear problems"):
        ps.solve(nonlinear, solver=MatrixFree(), progress=False)
    problem = poisson(square, EXP_SIN)
    with pytest.raises(SolveError, match="was given Siren"):
        ps.solve(problem, ps.Siren(2, 1, 8, 2), MatrixFree(), progress=False)
    robust = ps.Problem(problem.constraints[0], ps.Equation(u, EXP_SIN).on(square.boundary, norm="l1"))
    with pytest.raises(SolveError, match="norm='l1'"):
        ps.solve(robust, solver=MatrixFree(), progress=False)
    with pytest.raises(SolveError, match="lie anyhow"):
        operator_of("holes", memory_limit=1e3)
