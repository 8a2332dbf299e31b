"""The experiment's families say the same twice, its measures measure, and bad settings are refused."""

import numpy as np
import pytest
import sympy

from pinnsiren.errors import DataError, SolveError
from pinnsiren.experiments import experiments
from pinnsiren.experiments.families import SQUARE, Coefficients, RandomWaves, Sources, U, X, Y
from pinnsiren.experiments.space import Known, _context, _error, _image_rows, _interpolated, _trained, compare
from pinnsiren.networks import Siren
from pinnsiren.networks.encoders import SetEncoder
from pinnsiren.signals.patches import Patches, cut_patches
from pinnsiren.space import Family, Space

PLACES = SQUARE.interior.sample(50, seed=3).values


def evaluated(expression):
    return sympy.lambdify((X, Y), expression, "numpy")(*PLACES.T)


def test_random_waves_are_what_their_formula_says():
    waves = RandomWaves(5)
    assert np.allclose(waves(PLACES), evaluated(waves.formula), atol=1e-13)
    assert np.allclose(waves.gradient(PLACES), np.stack([evaluated(waves.formula.diff(c)) for c in (X, Y)], axis=1), atol=1e-12)
    many = np.stack([RandomWaves(n)(PLACES) for n in range(400)])
    assert many.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("members", "factor"), [(Sources(), lambda n: 1.0),
                                                 (Coefficients(), lambda n: sympy.exp(0.7 * RandomWaves(n).formula))])
def test_a_member_over_data_and_as_a_formula_are_the_same_equation(members, factor):
    number, guess = 4, sympy.sin(2 * X + Y) * sympy.exp(X / 2)
    over_data = members.equation.residuals[0].subs(U, guess).doit()
    columns = members.columns(number, PLACES)
    found = sympy.lambdify((X, Y, *columns), over_data, "numpy")(*PLACES.T, *columns.values())
    expected = evaluated((members.formula(number).residuals[0].subs(U, guess).doit()) / factor(number))
    assert np.allclose(found, expected, rtol=1e-10, atol=1e-10)
    assert {c.name for c in members.instance(number).constraints} == {"inside", "boundary"}


def test_a_reference_judges_a_pass():
    members = Sources()
    known = Known(members, range(7, 9))

    class Exactly:
        def __call__(self, field, points):
            return 1.1 * known._values[7]

    known._values[7] = known.values(7, known.points)
    assert known.error(7, Exactly()) == pytest.approx(0.1)
    few, whole = (members.instance(7, *count).constraints[0].region for count in ((10,), ()))
    assert len(few) == 10 and len(whole) == 400 and np.array_equal(few.values, whole.values[:10])
    residual = Family(members.instance, members.observed)
    assert residual.observed == (members.f,)


def test_image_rows_with_hardly_any_training(tmp_path):
    patches = cut_patches(12, 4, 8, seed=0)
    rows = list(_image_rows(patches, tmp_path, 0.4, width=8, seed=0))
    assert [r.measure for r in rows] == ["MSE"] * 6
    assert all(0 < r.value < 1 for r in rows)
    assert "0.033" in next(r for r in rows if r.method.startswith("conv")).published
    for name in ("images.png", "images_conv.h5", "images_set.h5"):
        assert (tmp_path / name).stat().st_size > 1000
    assert Space.load(tmp_path / "images_set.h5").network(patches.pixels(0, [1, 2, 3])).outputs == 3


def test_interpolation_is_exact_for_linear_images():
    values = np.tile(np.linspace(-1, 1, 8)[None, :, None], (8, 1, 3))
    patches = Patches("linear", np.stack([values, -values]), 1)
    corners = np.array([0, 7, 56, 63])
    assert np.allclose(_interpolated(patches, 0, corners), values)
    assert _error(patches, range(1), [_interpolated(patches, 0, corners)]) < 1e-20
    assert _error(patches, range(1), [values + 0.1]) == pytest.approx(0.01)
    assert len(set(_context(patches, 3, 10))) == 10


def test_as_many_iterations_as_there_is_time_for():
    members = Sources()

    def make(count):
        return Space(Family(members.instance, members.observed), Siren(2, 1, 8, 2, omega0=3.0), SetEncoder(2, 1, 8, 16),
                     instances=count, width=16)

    _, steps, taken = _trained(make, 16, {"batch": 8, "points": 40, "held_out": 2}, 1.0)
    assert int(steps.split()[0]) >= 20 and taken < 4


def test_the_experiment_is_found_and_refuses_bad_settings(tmp_path):
    assert experiments()["space"].compare is compare
    with pytest.raises(SolveError, match="seconds=0; expected a number > 0"):
        compare(tmp_path, seconds=0)
    with pytest.raises(DataError, match="there is no folder"):
        compare(tmp_path, images=tmp_path / "none")
