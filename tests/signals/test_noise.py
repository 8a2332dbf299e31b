"""Noise of points: measured, and removed where it is larger than the spacing allows for."""

import numpy as np
import pytest

from pinnsiren.errors import DataError
from pinnsiren.signals import nearest_distances, noise_of, shape, without_noise

PLACES = np.random.default_rng(3).uniform(-1, 1, (3000, 3))


@pytest.mark.parametrize("deviation", [0.001, 0.004])
def test_noise_is_measured(deviation: float) -> None:
    cloud = shape("torus").sample(40_000).with_noise(deviation, seed=1)
    assert noise_of(cloud) == pytest.approx(deviation, rel=0.15)


def test_a_clean_cloud_stays_as_it_is() -> None:
    for name in ("torus", "box"):
        cloud = shape(name).sample(20_000)
        assert noise_of(cloud) < 0.1 * cloud.spacing and without_noise(cloud) is cloud


def test_noisy_points_make_distances_short_and_smoothed_ones_do_not() -> None:
    body = shape("torus")
    cloud = body.sample(40_000).with_noise(0.005, seed=1)
    true = body.distance(PLACES)
    far = np.abs(true) > 0.1
    before, after = (np.abs(nearest_distances(c, PLACES).values)[far] - np.abs(true)[far]
                     for c in (cloud, without_noise(cloud)))
    assert before.mean() < -0.008
    assert np.sqrt(np.mean(after**2)) < 0.25 * np.sqrt(np.mean(before**2))


def test_noise_needs_normals() -> None:
    with pytest.raises(DataError, match="across which its noise could be measured"):
        noise_of(shape("sphere").sample(50).without_normals())
