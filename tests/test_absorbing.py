"""Open boundaries in time: what passes out, what comes back, and what is refused."""

from typing import Any

import numpy as np
import pytest
import sympy

from pinnsiren.absorbing import DampingLayer, absorbing
from pinnsiren.domains import Box, Disc, Interval
from pinnsiren.equation import Equation
from pinnsiren.errors import DomainError, EquationError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Field, Normal, Time, coordinates, time

x, y, z = coordinates("x y z")
t = time("t")


def test_the_absorbing_condition_reflects_what_theory_says() -> None:
    u, angle, c, omega = Field("u", x, y, t), sympy.Rational(7, 10), 3, 5
    r = (sympy.cos(angle) - 1) / (sympy.cos(angle) + 1)
    along, across = sympy.cos(angle) * omega / c, sympy.sin(angle) * omega / c
    wave = sum(a * sympy.exp(sympy.I * (omega * t - s * along * x - across * y)) for a, s in ((1, 1), (r, -1)))
    condition = absorbing(u, c).subs({Normal(x): 1, Normal(y): 0}).subs(u, wave).doit()
    assert abs(complex(sympy.N(condition.subs({x: 0, y: 0.3, t: 0.2})))) < 1e-13
    assert abs(complex(sympy.N(condition.subs({x: 0.1, y: 0.3, t: 0.2})))) > 0.1


@pytest.mark.parametrize("axes", [(x,), (x, y), (x, y, z)])
def test_a_stretched_plane_wave_solves_the_system_of_the_layer(axes: tuple[sympy.Symbol, ...]) -> None:
    c, omega = 2, 6
    layer = DampingLayer(Box(dict.fromkeys(axes, (-1, 1))), 0.4, 9, c, order=3)
    u = Field("u", *axes, t)
    s = {a: 1 + zeta / (sympy.I * omega) for a, zeta in layer.damping.items()}
    direction = [sympy.Rational(n, 7) for n in (2, 3, 6)][:len(axes)]
    k = omega / c / sympy.sqrt(sum(n**2 for n in direction))
    far = [a + 9 * (a - sympy.Rational(3, 5)) ** 4 / 4 / sympy.Rational(2, 5) ** 3 / (sympy.I * omega) for a in axes]
    wave = sympy.exp(sympy.I * (omega * t - k * sum(n * a for n, a in zip(direction, far, strict=True))))
    flux = [c**2 * (sympy.Mul(*[s[b] for b in axes if b != a]) / s[a] - 1) * sympy.diff(wave, a) for a in axes]
    values = dict(zip(layer.auxiliary(u), [*flux, wave / (sympy.I * omega)], strict=False)) | {u: wave}
    place = {a: 0.7 + 0.07 * i for i, a in enumerate(axes)} | {t: 0.3}
    size = abs(complex(sympy.N((omega**2 * wave).subs(place))))
    for equation in layer.equations(u):
        left = complex(sympy.N(equation.lhs.subs(values).doit().subs(place)))
        assert abs(left) < 1e-12 * size, equation.name
    assert len(layer.equations(u)) == len(layer.auxiliary(u)) + 1 == {1: 2, 2: 3, 3: 5}[len(axes)]


def returned(layer: DampingLayer, speed: float, n: int) -> float:
    """The share of a pulse's norm that comes back from a layer at the upper end, by own leapfrog on the layer's 1D system.

    φ lives between the nodes of u, at half steps of time.
    """
    low, high = layer.box.bounds[0]
    nodes, h = np.linspace(low, high, n + 1, retstep=True)
    zeta = sympy.lambdify(x, layer.damping[x], "numpy")
    at_nodes, between = zeta(nodes) + 0 * nodes, zeta(nodes[:-1] + h / 2) + 0 * nodes[:-1]
    dt, wanted = 0.5 * h / speed, 2 * (high - 1.5) / speed

    def pulse(when: float) -> np.ndarray:
        return np.exp(-(((nodes - 1.5 - speed * when) / 0.15) ** 2))

    before, now, phi = pulse(-dt), pulse(0.0), np.zeros(n)
    for _ in range(round(wanted / dt)):
        later = ((1 / dt - between / 2) * phi - between * speed**2 * np.diff(now) / h) / (1 / dt + between / 2)
        force = speed**2 * np.diff(now, 2) / h**2 + np.diff(phi + later) / (2 * h)
        inner = at_nodes[1:-1]
        after = np.zeros_like(now)
        left = 1 / dt**2 + inner / (2 * dt)
        after[1:-1] = (force + (2 * now[1:-1] - before[1:-1]) / dt**2 + inner * before[1:-1] / (2 * dt)) / left
        before, now, phi = now, after, later
    return float(np.linalg.norm(now[nodes < layer.physical.upper[0]]) / np.linalg.norm(pulse(0.0)))


def test_the_layer_returns_what_theory_says() -> None:
    layer = DampingLayer(Interval(x, 0, 4), 1.0, 4, 2, faces={x: "upper"})
    theory = layer.reflection()
    assert theory == pytest.approx(np.exp(-4 / 3))
    errors = [abs(returned(layer, 2.0, n) - theory) for n in (200, 400, 800)]
    assert errors[-1] < 2e-3 * theory
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)


def test_nothing_is_damped_in_the_physical_box() -> None:
    layer, u = DampingLayer(Box({x: (-1, 1), y: (-1, 1)}), 0.25, 30, 1.5), Field("u", x, y, t)
    still = [e.lhs.replace(lambda n: isinstance(n, sympy.Piecewise), lambda n: sympy.S.Zero) for e in layer.equations(u)]
    wave, *laws = (e.subs(dict.fromkeys(layer.auxiliary(u), 0)).doit() for e in still)
    plain = sympy.diff(u, t, 2) - sympy.Rational(9, 4) * (sympy.diff(u, x, 2) + sympy.diff(u, y, 2))
    assert sympy.simplify(wave - plain) == 0
    assert laws == [0, 0]
    assert layer.physical == Box({x: (-0.75, 0.75), y: (-0.75, 0.75)})


def test_its_equations_make_a_sound_problem() -> None:
    layer, u = DampingLayer(Box({x: (-1, 1), y: (-1, 1)}), 0.25, 30, 1), Field("u", x, y, t)
    domain = layer.box * Interval(t, 0, 1)
    start = [e.on(domain.initial) for e in layer.start(u)]
    problem = Problem(*(e.on(domain.interior) for e in layer.equations(u)), *start, Equation(u, 0).on(domain.boundary),
                      Equation(u, sympy.exp(-20 * (x**2 + y**2))).on(domain.initial),
                      Equation(u.diff(t), 0).on(domain.initial))
    assert [f for f in problem.check() if f.severity == "error"] == []
    assert problem.is_linear
    assert {f.name for f in problem.fields} == {"u", "u_phi_x", "u_phi_y"}


@pytest.mark.parametrize(("given", "message"), [
    ({"thickness": -1}, "thickness is -1"), ({"thickness": 2}, "leave no room"), ({"strength": 0}, "strength is 0"),
    ({"speed": -2}, "wave speed is -2"), ({"order": 0}, "order of the layer's profile is 0"),
    ({"faces": {x: "left"}}, "choose 'both'"), ({"box": Disc({x: 0, y: 0}, 1)}, "expected a Box"),
])
def test_bad_layers_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DomainError, match=message):
        DampingLayer(**{"box": Box({x: (-1, 1), y: (-1, 1)}), "thickness": 0.5, "strength": 5, "speed": 1, **given})


def test_fields_without_time_are_refused() -> None:
    with pytest.raises(EquationError, match="has 0 times"):
        absorbing(Field("u", x, y), 1)
    with pytest.raises(EquationError, match="wave speed is positive"):
        absorbing(Field("u", x, t), 0)
    layer = DampingLayer(Interval(x, 0, 1), 0.2, 5, 1)
    with pytest.raises(EquationError, match="give both the same"):
        layer.equations(Field("u", x, y, t))
    assert isinstance(t, Time)


def test_a_varying_speed_is_named_for_the_reflection() -> None:
    layer = DampingLayer(Interval(x, 0, 1), 0.2, 5, 1 + x)
    with pytest.raises(DomainError, match=r"give its value in the layer"):
        layer.reflection()
    assert layer.reflection(2.0) == pytest.approx(np.exp(-2 * 5 * 0.2 / 3 / 2))
