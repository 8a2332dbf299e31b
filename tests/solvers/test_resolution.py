"""Waves that points or features cannot follow are told with numbers."""

import re

import pytest

import pinnsiren as ps
from pinnsiren.model import Model
from pinnsiren.solvers.resolution import unresolved

x, y = ps.coordinates("x y")
u = ps.Field("u", x, y)
wide = ps.Box({x: (0, 4), y: (-1, 1)})


def helmholtz(k, source=1):
    return ps.Problem(ps.Equation(ps.laplacian(u) + k**2 * u, source).on(wide.interior), ps.Equation(u, 0).on(wide.boundary))


def network(width, band, **law):
    return Model({(u,): ps.Fourier(2, 1, width, band, box=[(0, 4), (-1, 1)], **law)})


def siren(omega):
    return Model({(u,): ps.Siren(2, 1, 32, 3, omega0=[omega, 1.0, 1.0], box=[(0, 4), (-1, 1)])})


@pytest.mark.parametrize(("points", "model"), [(None, None), (8000, None), ({"interior": 4000}, None), ({"boundary": 5}, None),
                                               (None, network(3000, (130.0, 70.0))), (None, siren(120.0))])
def test_what_is_resolved(points, model) -> None:
    assert unresolved(helmholtz(60), points, model) is None  # 38 waves along x, 19 along y: 2900 of them at two points each


@pytest.mark.parametrize(("points", "model", "message"), [
    (1000, None, r"0.105 long, 38.2 across the domain along x: 750 points inside are 1 a wavelength.*at least 2919 points"),
    ({"interior": 1000}, None, r"1000 points inside are 1.2 a wavelength"),
    (None, network(3000, (130.0, 20.0)), r"reach 20 radians per half-width along y, the waves have 60"),
    (None, siren(10.0), r"starts with frequencies up to [\d.]+ radians per half-width along x, 120 are needed.*diagnose"),
    (None, network(500, (130.0, 70.0)), r"500 features, and so many waves need about 2919")])
def test_what_is_not(points, model, message) -> None:
    assert re.search(message, unresolved(helmholtz(60), points, model))


def test_points_of_the_constraint_itself() -> None:
    problem = helmholtz(60)
    inner, outer = problem.constraints
    few = ps.Problem(inner.equation.on(inner.region, points=100), outer)
    assert "100 points" in unresolved(few)


def test_features_that_satisfy_the_equation_need_no_points_inside() -> None:
    terms = [((0, 0), 3600.0), ((2, 0), -1 / 4), ((0, 2), -1.0)]
    assert unresolved(helmholtz(60, 0), 1000, network(400, (130.0, 70.0), variety=terms)) is None


def test_problems_without_waves() -> None:
    fading = ps.Equation(ps.laplacian(u) - 900 * u, 1).on(wide.interior)
    assert unresolved(ps.Problem(fading, ps.Equation(u, 0).on(wide.boundary)), 50) is None
