"""Perfectly matched layers: the stretched equation, what it absorbs, and what cannot be one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

from pinnsiren.domains import Box, Interval
from pinnsiren.errors import DomainError
from pinnsiren.pml import PML
from pinnsiren.symbols import Field, Parameter, coordinates

x, y, z = coordinates("x y z")
SQUARE = Box({x: (-1, 1), y: (-1, 1)})
PAPER = PML(SQUARE, thickness=0.5, strength=5, wavenumber=20)


def at(expression: Any, **values: float) -> complex:
    return complex(sympy.N(expression.subs({sympy.Symbol(name, real=True): v for name, v in values.items()})))


def without_layers(expression: Any) -> Any:
    """What is left where all depths into layers are 0."""
    return expression.replace(lambda e: isinstance(e, sympy.Piecewise), lambda e: sympy.S.Zero)


def test_it_is_the_layer_of_the_siren_paper() -> None:
    u = sympy.exp(x) * sympy.sin(2 * y)
    e = {c: 1 - sympy.I * 5 * (sympy.Max(sympy.Abs(c) - sympy.Rational(1, 2), 0) / sympy.Rational(1, 2)) ** 2 for c in (x, y)}
    paper = sympy.diff(e[y] / e[x] * sympy.diff(u, x), x) + sympy.diff(e[x] / e[y] * sympy.diff(u, y), y)
    for place in ({"x": 0.8, "y": -0.9}, {"x": -0.6, "y": 0.2}, {"x": 0.1, "y": 0.3}):
        assert at(PAPER.conservative(u), **place) == pytest.approx(at(paper, **place), rel=1e-12)
        assert at(PAPER.jacobian * PAPER.laplacian(u), **place) == pytest.approx(at(paper, **place), rel=1e-12)
        assert at(PAPER.jacobian, **place) == pytest.approx(at(e[x] * e[y], **place), rel=1e-14)


def test_nothing_changes_in_the_physical_box() -> None:
    u = Field("u", x, y, complex=True)
    assert PAPER.physical == Box({x: (-0.5, 0.5), y: (-0.5, 0.5)})
    assert without_layers(PAPER.laplacian(u)) == sympy.diff(u, x, 2) + sympy.diff(u, y, 2)
    assert without_layers(PAPER.decay) == 1


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_plane_wave_in_stretched_coordinates_solves_the_equation(dimension: int, sign: int) -> None:
    axes, k = (x, y, z)[:dimension], 7
    layer = PML(Box(dict.fromkeys(axes, (-1, 1))), 0.4, 3, k, order=3, time_sign=sign)
    direction = np.array([1.0, 2.0, 2.0])[:dimension] / np.linalg.norm([1.0, 2.0, 2.0][:dimension])
    # above the layers' beginning: the stretched coordinate is x − sign·i ∫σ
    depth = {c: c - sympy.Rational(3, 5) for c in axes}
    stretched = [c - sign * sympy.I * 3 * depth[c] ** 4 / 4 / sympy.Rational(2, 5) ** 3 for c in axes]
    wave = sympy.exp(-sign * sympy.I * k * sum(float(n) * s for n, s in zip(direction, stretched, strict=True)))
    place = {c.name: 0.7 + 0.06 * i for i, c in enumerate(axes)}
    assert abs(at(layer.laplacian(wave) + k**2 * wave, **place)) < 1e-11 * k**2 * abs(at(wave, **place))
    assert abs(at(wave, **place)) < 1  # the outgoing wave decays
    expected = np.exp(-k * sum(3 * (v - 0.6) ** 4 / 4 / 0.4**3 for v in place.values()))
    assert at(layer.decay, **place) == pytest.approx(expected, rel=1e-12)


def test_a_variable_medium_goes_between_the_two_stretched_derivatives() -> None:
    u, a = sympy.sin(x + 2 * y), 2 + sympy.cos(y)
    place = {"x": 0.9, "y": 0.7}
    assert at(PAPER.laplacian(u, a), **place) == pytest.approx(at(PAPER.div(a * PAPER.grad(u)), **place), rel=1e-13)
    multiplied = at(PAPER.jacobian * PAPER.laplacian(u, a), **place)
    assert at(PAPER.conservative(u, a), **place) == pytest.approx(multiplied, rel=1e-12)
    flat = sympy.diff(a * sympy.diff(u, x), x) + sympy.diff(a * sympy.diff(u, y), y)
    assert at(PAPER.laplacian(u, a), x=0.1, y=0.2) == pytest.approx(at(flat, x=0.1, y=0.2), rel=1e-13)


def test_layers_are_where_they_are_asked_for() -> None:
    box = Box({x: (0, 3), y: (0, 1)}, periodic=(y,))
    right = PML(box, 1, 2, 5, faces={x: "upper"})
    assert right.stretch[y] == 1
    assert right.stretch[x].subs(x, 0) == 1
    assert at(right.stretch[x], x=3.0) == 1 - 2j
    assert right.physical == Box({x: (0, 2), y: (0, 1)}, periodic=(y,))
    assert PML(box, 1, 2, 5).faces == ((x, 0.0), (x, 3.0))
    assert PML(box, 1, 2, 5, faces=[(x, 3)]) == right
    assert PML(SQUARE, 0.5, 5, 20, faces={x: "both", y: "both"}) == PAPER


def solve_1d(layer: PML, k: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Second-order differences of (1/s)((1/s) u')' + k²u = 0 with u(0) = 1 and u = 0 at the outer end: own, and plain."""
    ends = layer.box.bounds[0]
    nodes, h = np.linspace(*ends, n + 1, retstep=True)
    s: Callable[[Any], Any] = np.vectorize(sympy.lambdify(x, layer.stretch[x], "numpy"), otypes=[complex])
    half = 1 / s(nodes[:-1] + h / 2)
    a = np.zeros((n + 1, n + 1), complex)
    for i in range(1, n):
        a[i, i - 1:i + 2] = np.array([half[i - 1], -half[i - 1] - half[i], half[i]]) / s(nodes[i]) / h**2
        a[i, i] += k**2
    a[0, 0] = a[n, n] = 1
    return nodes, np.linalg.solve(a, np.eye(n + 1)[0])


def measured_reflection(layer: PML, k: float, n: int) -> float:
    """|b/a| of u = a e^{−ikx} + b e^{ikx} in the physical interval."""
    nodes, u = solve_1d(layer, k, n)
    inside = nodes <= layer.physical.upper[0] + 1e-12
    waves = np.exp(-1j * k * np.outer(nodes[inside], [1, -1]))
    a, b = np.linalg.lstsq(waves, u[inside], rcond=None)[0]
    return float(abs(b / a))


@pytest.mark.parametrize(("strength", "order"), [(0.6, 2), (0.4, 1), (0.8, 3)])
def test_the_reflection_is_the_theoretical_one(strength: float, order: int) -> None:
    layer = PML(Interval(x, 0, 2), 1.0, strength, 6, order=order, faces={x: "upper"})
    theory = layer.reflection()
    assert 0.01 < theory < 0.2
    errors = [abs(measured_reflection(layer, 6, n) - theory) / theory for n in (200, 400, 800)]
    assert errors[-1] < 0.01
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.15)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.15)


def test_the_wrong_time_convention_is_seen_by_the_reflection() -> None:
    growing = PML(Interval(x, 0, 2), 1.0, 0.6, 6, faces={x: "upper"}, time_sign=-1)
    assert measured_reflection(growing, 6, 400) > 1


def test_advice_tells_of_thin_and_of_weak_layers() -> None:
    assert PAPER.advice() == ()
    (thin,) = PML(SQUARE, 0.05, 200, 20).advice()
    assert "0.16 of the wavelength 0.314" in thin
    (weak,) = PML(SQUARE, 0.5, 0.5, 20).advice()
    assert "0.036" in weak
    needed = float(weak.split("strength of ")[1].split(" ")[0])
    assert PML(SQUARE, 0.5, needed, 20).reflection() == pytest.approx(1e-3, rel=0.05)


def test_a_parameter_may_be_the_wavenumber() -> None:
    k = Parameter("k", 20)
    assert PML(SQUARE, 0.5, 5, k).reflection() == PAPER.reflection()
    ranged = Parameter("k", 10, 30)
    assert PML(SQUARE, 0.5, 5, ranged).reflection() == PML(SQUARE, 0.5, 5, 10).reflection()
    assert PML(SQUARE, 0.5, 5, k).decay.has(k)


@pytest.mark.parametrize(("given", "message"), [
    ({"thickness": 0}, "thickness is 0; expected a number > 0"),
    ({"thickness": 1.0}, "2 layers of 1 along x in a box that is 2 wide"),
    ({"thickness": 2.5, "faces": {y: "lower"}}, "a layer of 2.5 along y in a box that is 2 wide"),
    ({"strength": -5}, "strength is -5"),
    ({"order": 0.5}, "order of the layer's profile is 0.5; give at least 1"),
    ({"wavenumber": 0}, "wavenumber is 0"),
    ({"wavenumber": x}, "wavenumber x holds"),
    ({"wavenumber": Parameter("k", -1, 3)}, "expected a positive number"),
    ({"faces": {z: "both"}}, "faces names z"),
    ({"faces": {x: "left"}}, "choose 'both', 'lower' or 'upper'"),
    ({"faces": [(x, 0.5)]}, "x = 0.5 is no face of the box; its faces across x are at -1 and 1"),
    ({"faces": [(z, 1)]}, "across which the box has none"),
    ({"faces": [x]}, r"expected \(coordinate, value\) pairs"),
    ({"faces": []}, "no face of"),
    ({"time_sign": 2}, "time_sign=2"),
    ({"box": "square"}, "expected the Box"),
])
def test_bad_layers_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        PML(**{"box": SQUARE, "thickness": 0.5, "strength": 5, "wavenumber": 20, **given})


def test_div_needs_a_component_for_each_coordinate() -> None:
    with pytest.raises(DomainError, match="div of 1 components"):
        PAPER.div([x])
