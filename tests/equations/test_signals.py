"""Signals as problems: every sample is met by default, what was left out is filled in, and long fits go on."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

import pinnsiren as ps
from pinnsiren.equations.signals import fit_audio, fit_image, fit_video
from pinnsiren.signals import read_image, read_sound, read_video
from pinnsiren.solvers.bands import signal_scales
from pinnsiren.solvers.task import Task


def decibels(solution, signal) -> float:
    values = np.stack([solution(u, signal.points) for u in solution.problem.fields], axis=-1).reshape(signal.values.shape)
    return -10 * np.log10(np.mean((values - signal.values) ** 2))


@pytest.mark.parametrize(("problem", "signal"), [
    (lambda: fit_image(size=48), lambda: read_image("photo", 48, colour=True, square=False)),
    (lambda: fit_audio(seconds=0.1), lambda: read_sound("prelude", 0.1)),
    (lambda: fit_video(size=24, frames=6), lambda: read_video("clip", 24, 6))])
def test_by_default_every_sample_is_met(problem, signal) -> None:
    problem, signal = problem(), signal()
    assert isinstance(ps.Automatic().chosen(Task(problem)), ps.MatrixFree)
    assert decibels(ps.solve(problem, progress=False), signal) > 100
    needed = ps.diagnose(ps.Siren(len(problem.coordinates), 1, 8, 2), problem).needed
    assert needed == pytest.approx(signal.band) or max(needed) > max(signal.band)  # the largest of any colour


def test_between_the_pixels_it_is_the_image_too() -> None:
    """A smooth image, fitted at 40², is right at 80²: nothing is fitted between the pixels."""
    x, y = ps.coordinates("x y")
    blank = read_image("photo", 40)
    u, given = ps.Field("u", x, y), ps.Data("given")

    def smooth(points):
        return np.sin(5 * points[:, 0]) * np.cos(4 * points[:, 1]) + points[:, 0]

    problem = ps.Problem(ps.Equation(u, given).on(ps.PointSet((x, y), blank.points, {given: smooth(blank.points)})))
    inside = np.abs(blank.centres(80, 80)).max(axis=1) < 0.95
    points = blank.centres(80, 80)[inside]
    error = ps.solve(problem, progress=False)(u, points) - smooth(points)
    assert np.sqrt(np.mean(error**2)) < 2e-3


def test_missing_pixels_are_filled_in() -> None:
    image = read_image("photo", 64, square=False)
    problem = fit_image(size=64, colour=False, keep=0.3)
    kept = problem.constraints[0].region
    assert len(kept) == round(0.3 * len(image.points))
    nearest = image.values.ravel()[cKDTree(image.points).query(kept.values)[1]][cKDTree(kept.values).query(image.points)[1]]
    of_neighbours = -10 * np.log10(np.mean((nearest - image.values.ravel()) ** 2))
    solution = ps.solve(problem, progress=False)
    assert decibels(solution, image) > of_neighbours + 2
    assert ps.validate(solution).errors[problem.fields[0]].psnr == pytest.approx(decibels(solution, image), abs=0.1)


def test_networks_too_slow_for_a_sound_are_warned_of() -> None:
    problem = fit_audio(seconds=0.05)
    (constraint,) = problem.constraints
    (needed,) = signal_scales(constraint).values()
    assert needed == pytest.approx(read_sound("prelude", 0.05).band[0])
    with pytest.warns(ps.ProblemWarning, match="95 % of the energy of the data of 'values'"):
        ps.solve(problem, ps.Siren(1, 1, 16, 2, omega0=1.0, box=[(0, 0.05)]), ps.Adam(iterations=1), progress=False)


@pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(tmp_path) -> None:
    problem, file = fit_image(size=24, colour=False), tmp_path / "run.h5"

    def network():
        return ps.Siren(2, 1, 32, 3, omega0=30.0, box=[(-1, 1)] * 2)

    whole = ps.solve(problem, network(), ps.Adam(iterations=60, batch=64, every=5), progress=False)

    class Stopping(ps.Adam):
        def iterate(self, task):
            for step in super().iterate(task):
                if step.iteration == 30:
                    raise KeyboardInterrupt
                yield step

    stopped = ps.solve(problem, network(), Stopping(iterations=60, batch=64, every=5), progress=False, checkpoint=file,
                       checkpoint_every=1e-9)
    assert stopped.status.code == "interrupted"
    resumed = ps.resume(file, solver=ps.Adam(iterations=60, batch=64, every=5), progress=False)
    for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_bad_shares() -> None:
    for keep in (0.0, 1.2, -1.0):
        with pytest.raises(ps.DataError, match=f"keep={keep}"):
            fit_image(size=16, keep=keep)
