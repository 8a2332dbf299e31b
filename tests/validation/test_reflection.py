"""The measured reflection of a layer: of fields with a known one, and of layers with a theoretical one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import sympy
from scipy.special import hankel1, hankel2, jv

import pinnsiren as ps
from pinnsiren.pml import PML
from pinnsiren.validation.reflection import harmonics, reflection

x, y, z = ps.coordinates("x y z")


@dataclass(frozen=True)
class Known:
    """A field given as a function of points, as if it were a solution."""

    problem: ps.Problem
    function: Callable[[np.ndarray], np.ndarray]

    def __call__(self, field: Any, points: Any) -> np.ndarray:
        return self.function(np.asarray(points))


def layer(*axes: sympy.Symbol, k: float = 12.0, time_sign: Any = 1) -> PML:
    return PML(ps.Box(dict.fromkeys(axes, (-1, 1))), 0.4, 5, k, time_sign=time_sign)


def known(pml: PML, function: Callable[[np.ndarray], np.ndarray]) -> Known:
    u = ps.Field("u", *pml.coordinates, complex=True)
    return Known(ps.Problem(ps.Equation(pml.laplacian(u) + 1, 0).on(pml.box.interior)), function)


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.03, 0.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_waves_in_the_plane_are_taken_apart(share: float, sign: Any) -> None:
    pml, out, back = layer(x, y, time_sign=sign), *((hankel2, hankel1) if sign == 1 else (hankel1, hankel2))

    def field(points: np.ndarray) -> np.ndarray:
        r, angle = np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])
        modes = [(0, 1.0), (1, 0.4j), (-3, 0.2 - 0.1j)]
        near = 1e-3 * hankel2(9, 12 * r) * np.exp(9j * angle)  # does not travel: beyond n = k r
        return near + sum(a * (out(n, 12 * r) + share * back(n, 12 * r)) * np.exp(1j * n * angle) for n, a in modes)

    assert reflection(known(pml, field), pml) == pytest.approx(share, abs=1e-9)


def test_a_standing_wave_reflects_everything() -> None:
    pml = layer(x, y)
    assert reflection(known(pml, lambda p: jv(0, 12 * np.hypot(*p.T))), pml) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_waves_in_one_and_three_dimensions(share: float) -> None:
    line, space = layer(x), layer(x, y, z, k=8.0)
    on_line = known(line, lambda p: np.exp(-12j * np.abs(p[:, 0])) + share * np.exp(12j * np.abs(p[:, 0])))
    assert reflection(on_line, line) == pytest.approx(share, abs=1e-12)

    def from_two_points(p: np.ndarray) -> np.ndarray:
        """Two sources off the centre: waves of every degree; and the same running backwards."""
        distances = [np.linalg.norm(p - np.array(s), axis=1) for s in ([0.1, 0, 0.05], [-0.1, 0.08, 0])]
        return sum((np.exp(-8j * r) + share * np.exp(8j * r)) / r for r in distances)

    assert reflection(known(space, from_two_points), space) == pytest.approx(share, abs=1e-6)


def test_a_weak_layer_sends_back_what_theory_says() -> None:
    """u = e^{−ik x̃} + R e^{ik x̃} in stretched coordinates, with R such that u = 0 at both ends of the line."""
    pml = PML(ps.Interval(x, -1, 1), 0.5, 0.5, 6)
    total = complex(0.5 + 0.5 - 1j * 0.5 * 0.5 / 3)  # ∫s from the middle to the end

    def field(p: np.ndarray) -> np.ndarray:
        return np.exp(-6j * np.abs(p[:, 0])) - np.exp(-12j * total) * np.exp(6j * np.abs(p[:, 0]))

    assert reflection(known(pml, field), pml) == pytest.approx(pml.reflection(), rel=1e-12)


def test_the_harmonics_are_orthonormal() -> None:
    found = harmonics(3, 5)
    product = found.values.conj().T @ (found.weights[:, None] * found.values)
    np.testing.assert_allclose(product, np.eye(36), atol=1e-12)


@pytest.mark.parametrize(("given", "message"), [
    ({"radii": (0.3, 0.9)}, "lie in the physical box, so below 0.6"),
    ({"radii": (0.5, 0.5001)}, "too close to tell"),
    ({"centre": {x: 0}}, "give a number for each"),
    ({"centre": {x: 0.9, y: 0}}, "if the centre is within"),
    ({"field": ps.Field("v", x, y)}, "name one of u"),
])
def test_bad_spheres_are_refused(given: dict[str, Any], message: str) -> None:
    pml = layer(x, y)
    with pytest.raises(ps.ReferenceError, match=message):
        reflection(known(pml, lambda p: p[:, 0]), pml, **given)


def test_nothing_going_out_and_ranges_are_refused() -> None:
    pml = layer(x, y)
    with pytest.raises(ps.ReferenceError, match="no wave goes out"):
        reflection(known(pml, lambda p: 0 * p[:, 0]), pml)
    ranged = PML(pml.box, 0.4, 5, ps.Parameter("k", 10, 14))
    with pytest.raises(ps.ReferenceError, match="one wavenumber"):
        reflection(known(pml, lambda p: p[:, 0]), ranged)


def test_the_report_tells_what_comes_back(tmp_path) -> None:
    """In one dimension, u = e^{−ik|x|} of a source in the middle, solved with a thin and a thick layer."""
    for thickness, least, most in ((0.25, 1e-3, 0.2), (0.6, 0.0, 1e-4)):
        pml = PML(ps.Interval(x, -1, 1), thickness, 1.5 if thickness < 0.5 else 8, 12.0)
        u = ps.Field("u", x, complex=True)
        source = sympy.exp(-((20 * x) ** 2))
        problem = ps.Problem(ps.Equation(pml.laplacian(u) + 144 * u, source).on(pml.box.interior),
                             ps.Equation(u, 0).on(pml.box.boundary), layer=pml, tolerance=1e-2)
        assert problem.compared == pml.physical.interior
        solution = ps.solve(problem, max_time=4, progress=False)
        report = ps.validate(solution)
        assert report.verdict == "confirmed"
        assert least <= report.reflection.measured <= most
        assert report.reflection.expected == pytest.approx(pml.reflection())
        assert "comes back" in str(report) and report.to_dict()["reflection"]["measured"] == report.reflection.measured
        assert "Reflection of the absorbing layer" in report.to_html(tmp_path / "r.html").read_text(encoding="utf-8")
        solution.save(tmp_path / "s.h5")
        assert ps.load(tmp_path / "s.h5").problem.layer == pml


def test_a_parameter_of_the_layer_is_replaced_with_those_of_its_problem() -> None:
    k = ps.Parameter("k", 12.0)
    pml = PML(ps.Interval(x, -1, 1), 0.5, 5, k)
    assert pml.with_parameters({k: ps.Parameter("k", 20.0)}).reflection() < pml.reflection()
