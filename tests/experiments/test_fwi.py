"""The inversion experiment's numbers and pictures, on a small survey."""

import numpy as np
import pytest

from pinnsiren.equations.fwi import fwi, paper_survey
from pinnsiren.experiments.fwi import Setting, _scene, draw, mean_square, network_velocity
from pinnsiren.inversion import Unknown
from pinnsiren.surveys import Acquisition, Inclusion, recorded


def setting() -> Setting:
    where = Acquisition(((-1.0, 1.0), (-1.0, 1.0)), [(0.0, -0.4)], [(-0.2, 0.4), (0.2, 0.4)], [5.0])
    medium, survey = Inclusion(), recorded(Inclusion(), where, spacing=0.08)
    return Setting("square", medium, survey, Unknown(where.grid(0.08), medium, ((-0.75, 0.75), (-0.75, 0.75))), "")


def test_the_error_is_that_of_velocities_on_the_physical_square() -> None:
    """Velocity 1 in place of 2 on 0.6 × 0.6 of 1 × 1: 0.36."""
    here = setting()
    assert here.scene.points.shape == (201, 201, 2)
    assert mean_square(np.ones_like(here.scene.true), here.scene.true) == pytest.approx(0.36, abs=0.01)


def test_a_networks_inversion_starts_near_the_known_velocity() -> None:
    velocity = network_velocity(setting().unknown)
    assert np.abs(velocity.values(velocity.start())).max() < 0.1


def test_a_problem_carries_what_its_picture_shows() -> None:
    """Of other numbers of sources and receivers than the usual, and another model."""
    problem = fwi("disc", sources=2, receivers=9, frequency=16.0)
    scene = _scene(problem)
    given = paper_survey("disc", 2, 9, 16.0, 0.01, 0).acquisition
    np.testing.assert_allclose(scene.sources, given.sources)
    np.testing.assert_allclose(scene.receivers, given.receivers)
    np.testing.assert_allclose(np.array(scene.physical), np.array(given.physical))
    expected = Inclusion("disc", 0.4).velocity(scene.points.reshape(-1, 2)).reshape(scene.true.shape)
    np.testing.assert_allclose(scene.true, expected)
    assert scene.points[0, 0].tolist() == pytest.approx([-0.5 + 0.5 / 61, -0.5 + 0.5 / 61])


def test_the_picture_marks_sources_and_receivers_and_shows_differences() -> None:
    here = setting()
    figure = draw(here.scene, {"grid": here.scene.true + 0.1, "network": here.scene.true})
    titled = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert list(titled) == ["true velocity", "grid: MSE 1.0e-02", "network: MSE 0.0e+00", "less the true one"]
    marked = [line.get_xydata() for line in titled["true velocity"].lines]
    assert [len(m) for m in marked] == [2, 1]
    assert np.ptp(titled["less the true one"].images[0].get_array()) == pytest.approx(0.0, abs=1e-12)
