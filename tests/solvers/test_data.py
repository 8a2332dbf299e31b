"""Fits to data: the estimate is measured on points that were held out, so noise and gaps are not hidden."""

import numpy as np
import pytest

import pinnsiren as ps
from pinnsiren.solvers.task import Task

x, y = ps.coordinates("x y")
u, d = ps.Field("u", x, y), ps.Data("d")


def smooth(points):
    return np.exp(points[:, 0]) * np.sin(3 * points[:, 1])


def fit(count, noise):
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (count, 2))
    values = smooth(points) + noise * rng.normal(size=count)
    return ps.Problem(ps.Equation(u, d).on(ps.PointSet((x, y), points, data={d: values})))


def error(solution):
    points = np.random.default_rng(1).uniform(-1, 1, (4000, 2))
    return np.linalg.norm(solution(u, points) - smooth(points)) / np.linalg.norm(smooth(points))


@pytest.mark.parametrize(("noise", "bound"), [(0.05, 0.03), (1e-3, 2e-3), (0.0, 1e-5)])
def test_noise_is_neither_followed_nor_hidden(noise, bound) -> None:
    solution = ps.solve(fit(400, noise), progress=False)
    assert error(solution) < bound
    assert solution.history.measure.min() > 0.7 * noise
    assert solution.status.ok is (noise == 0)


def test_a_fifth_is_held_out_and_the_rest_is_fitted() -> None:
    task = Task(fit(100, 0.1), seed=3)
    fitted, held = (task.parts[p].constraints[0].region for p in ("fitted", "held out"))
    assert (len(fitted), len(held)) == (80, 20)
    together = np.concatenate([fitted.values, held.values])
    assert {tuple(p) for p in together} == {tuple(p) for p in task.problem.constraints[0].region.values}
    assert task.has_data


def test_regions_and_handfuls_of_points_stay_whole() -> None:
    assert not Task(fit(9, 0.0)).has_data
    square = ps.Box({x: (-1, 1), y: (-1, 1)})
    assert not Task(ps.Problem(ps.Equation(u, x).on(square.interior))).has_data


def test_subsets_keep_data_and_normals() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (6, 2))
    whole = ps.PointSet((x, y), points, data={d: np.arange(6.0)}, normals=np.tile([1.0, 0.0], (6, 1)))
    part = whole.subset([4, 1])
    np.testing.assert_array_equal(part.values, points[[4, 1]])
    np.testing.assert_array_equal(part.sample(2).data[d], [4.0, 1.0])
    np.testing.assert_array_equal(part.normals, [[1.0, 0.0], [1.0, 0.0]])
