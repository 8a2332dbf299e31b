"""Signed distance as a problem: its losses are those of the papers, and a small solve finds the distance."""

import numpy as np
import pytest
import sympy
import torch

import pinnsiren as ps
from pinnsiren.equations.signed_distance import DISTANCE, constraints_of, frame_of, sdf
from pinnsiren.errors import DataError, ProblemError
from pinnsiren.model import Model
from pinnsiren.residual import Residual
from pinnsiren.signals import point_cloud, shape
from pinnsiren.surface import level_surface, region_below

AXES = ps.coordinates("x y z")
u = ps.Field("u", *AXES)
LOSSES = ("paper", "hotspot", "digs", "steik")


def on_sphere(n: int, seed: int = 0) -> np.ndarray:
    p = np.random.default_rng(seed).normal(size=(n, 3))
    return p / np.linalg.norm(p, axis=1, keepdims=True)


def residual_of(loss: str, oriented: bool = True) -> tuple[Residual, torch.nn.Module]:
    cloud = shape("torus").sample(300)
    problem = ps.Problem(*constraints_of(u, cloud if oriented else cloud.without_normals(), loss))
    network = ps.Siren(3, 1, 16, 3, omega0=[6.0, 2.0, 2.0], dtype=torch.float64, seed=3)
    return Residual.sampled(problem, Model({(u,): network}), {c.name: 300 for c in problem.constraints}, seed=2), network


def published_loss(residual: Residual, network: torch.nn.Module, loss: str) -> torch.Tensor:
    """The losses as their papers have them, by nested automatic differentiation."""
    columns = [s.columns for s in residual.samples]
    surface = next(c for c in columns if any(isinstance(k, ps.Normal) for k in c))
    around = next(c for c in columns if c is not surface)

    def jets(points: dict) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x = torch.stack([points[a] for a in AXES], dim=1).requires_grad_()
        value = network_value(network, x)
        slope = torch.autograd.grad(value.sum(), x, create_graph=True)[0]
        hessian = torch.stack([torch.autograd.grad(slope[:, i].sum(), x, create_graph=True)[0] for i in range(3)], dim=1)
        return value, slope, hessian

    value, slope, _ = jets(surface)
    normals = torch.stack([surface[ps.Normal(a)] for a in AXES], dim=1)
    total = 3e3 * value.abs().mean() + 1e2 * (1 - torch.nn.functional.cosine_similarity(slope, normals)).mean()
    value, slope, hessian = jets(around)
    total = total + 1e2 * torch.exp(-100 * value.abs()).mean() + 50 * (slope.norm(dim=1) - 1).abs().mean()
    if loss == "hotspot":
        total = total + 30**2 * 0.5 * (torch.exp(-60 * value.abs()) * (slope.square().sum(1) + 1)).mean()
    if loss == "digs":
        total = total + 100 * hessian.diagonal(dim1=1, dim2=2).sum(1).abs().mean()
    if loss == "steik":
        bent = torch.einsum("ni,nij,nj->n", slope, hessian, slope) / slope.square().sum(1)
        total = total + 100 * bent.abs().mean()
    return total


def network_value(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    for layer, omega in zip(network.layers, network.omega0, strict=True):
        x = torch.sin(omega * layer(x))
    return network.output(x)[:, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_the_published_losses(loss: str) -> None:
    """‖·‖₁ is a reweighting of rows: the loss is half of the sum, its gradient that of the whole."""
    residual, network = residual_of(loss)
    found = torch.autograd.grad(residual.loss, list(network.parameters()))
    expected = torch.autograd.grad(published_loss(residual, network, loss), list(network.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6 * float(b.abs().max()))


@pytest.mark.parametrize("loss", LOSSES)
def test_without_normals_the_term_of_the_normals_is_left_out(loss: str) -> None:
    residual, _ = residual_of(loss, oriented=False)
    names = {"surface", "off the surface", "eikonal"} | ({loss} - {"paper"})
    assert set(residual.order) == names


@pytest.mark.parametrize("loss", ("distance", *LOSSES))
def test_problems_are_sound(loss: str) -> None:
    problem = sdf("sphere", loss, points=200, size=8)
    assert not [str(f) for f in problem.check() if f.severity == "error"]
    assert problem.is_linear == (loss == "distance") and problem.name == "sdf"


def test_the_true_distance_satisfies_the_linear_equations() -> None:
    """All but those around the middle, where slopes of the distance turn within the spacing of the points."""
    body = shape("sphere")
    problem = sdf("sphere", points=20_000, size=16)
    assert body.formula is not None
    for c in problem.constraints:
        columns = dict(zip(AXES, c.region.values.T, strict=True)) | dict(c.region.columns)
        if c.region.normals is not None:
            columns |= {ps.Normal(a): n for a, n in zip(AXES, c.region.normals.T, strict=True)}
        for r in c.equation.residuals:
            put = r.subs(u, body.formula).doit()
            values = sympy.lambdify(list(columns), put, "numpy")(*columns.values())
            assert np.median(np.abs(values)) < 1e-4, c.name
            assert np.mean(np.abs(values) > 1e-2) < 0.02, c.name


def test_the_frame_of_the_source_is_kept(tmp_path) -> None:
    points = on_sphere(300)
    cloud = point_cloud(100 + 7 * points, points)
    problem = ps.Problem(*constraints_of(u, cloud, "paper"))
    centre, scale = frame_of(problem)
    np.testing.assert_allclose(centre, cloud.centre, rtol=1e-12)
    assert scale == pytest.approx(cloud.scale, rel=1e-12)
    other = ps.Problem(ps.Equation(u, 0).on(cloud.point_set(AXES)))
    with pytest.raises(ProblemError, match="was not made by sdf"):
        frame_of(other)


def test_curves_in_the_plane() -> None:
    x, y = AXES[:2]
    v = ps.Field("v", x, y)
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    cloud = point_cloud(circle, circle, margin=0.4)
    problem = ps.Problem(*constraints_of(v, cloud, size=32))
    solution = ps.solve(problem, solver=ps.MatrixFree(), progress=False)
    places = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    true = np.hypot(*places.T) - 0.6
    error = np.abs(solution(v, places) - true)
    assert np.median(error) < 2e-4 and np.mean(error > 1e-2) < 0.01


def test_points_to_distance_to_poisson() -> None:
    """Points of a sphere, their distance, the ball below it, −Δw = 1 there: w = (R² − r²)/6."""
    radius = 0.7
    problem = sdf("sphere", points=6000, size=24)
    solution = ps.solve(problem, progress=False)
    field, = problem.fields
    surface = level_surface(lambda p: solution(field, p), [[-1, 1]] * 3, 48)
    assert surface.volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=5e-3)
    body = region_below(lambda p: solution(field, p), AXES, [[-1, 1]] * 3, 24)
    w = ps.Field("w", *AXES)
    poisson = ps.Problem(ps.Equation(-ps.laplacian(w), 1).on(body.interior), ps.Equation(w, 0).on(body.boundary))
    found = ps.solve(poisson, solver=ps.LeastSquares(most_features=300), progress=False)
    places = radius * 0.9 * on_sphere(200, 4) * np.linspace(0, 1, 200)[:, None]
    exact = (radius**2 - (places**2).sum(axis=1)) / 6
    assert np.abs(found(w, places) - exact).max() < 2e-3 * exact.max()


def test_unoriented_points_of_the_linear_problem_get_normals() -> None:
    problem = sdf("torus", points=3000, size=16, oriented=False)
    found = dict(problem.constraints[0].region.columns)
    assert problem.constraints[1].region.has_normals and found
    judged = problem.compared
    true = shape("torus").distance(judged.values)
    np.testing.assert_allclose(dict(judged.columns)[DISTANCE], true)


def test_what_is_refused(tmp_path) -> None:
    with pytest.raises(ProblemError, match="loss='sal' is not known; choose one of distance, paper"):
        sdf(loss="sal")
    with pytest.raises(DataError, match="there is no shape"):
        sdf("nothing.ply")
    with pytest.raises(DataError, match="points=3; give at least 10"):
        sdf(points=3)
    np.savetxt(tmp_path / "circle.xyz", on_sphere(50)[:, :2])
    with pytest.raises(DataError, match=r"holds points \(x, y\); sdf takes points \(x, y, z\)"):
        sdf(str(tmp_path / "circle.xyz"))
    with pytest.raises(DataError, match="for points in 2 dimensions"):
        constraints_of(u, point_cloud(on_sphere(50)[:, :2]), "paper")
