"""Slopes along the links between pixels, and the two Poisson solvers that are the references of blended images."""

import numpy as np
import pytest

from pinnsiren.signals import Image, cosines
from pinnsiren.signals.links import Slopes, difference, touching, with_differences, with_slopes


def noise(rows: int = 14, columns: int = 11, channels: tuple[int, ...] = (), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, columns, *channels))


def blob(rows: int = 14, columns: int = 11) -> np.ndarray:
    """A mask with a hole, which touches the left edge and a corner."""
    y, x = np.mgrid[:rows, :columns]
    return ((y - 6) ** 2 + (x - 3) ** 2 < 20) & ~((y == 6) & (x == 3)) | (y + x < 3)


def test_slopes_between_are_exact_for_cosines() -> None:
    x = np.arange(16) + 0.5
    wave = np.cos(5 * np.pi * x / 16)[:, None] * np.ones(3)
    midway = np.arange(1, 16)
    expected = -5 * np.pi / 16 * np.sin(5 * np.pi * midway / 16)
    np.testing.assert_allclose(cosines.slope_between(wave, 0), np.repeat(expected[:, None], 3, axis=1), atol=1e-13)


def test_transposes_are_such() -> None:
    rng, u = np.random.default_rng(1), noise()
    slopes = Slopes.of(u)
    down, right, *at_pixels = (rng.normal(size=part.shape) for part in slopes.parts)
    product = np.sum(down * slopes.down) + np.sum(right * slopes.right)
    assert np.sum(cosines.slopes_transposed(down, right) * u) == pytest.approx(product, rel=1e-12)
    product = sum(np.sum(p * q) for p, q in zip(at_pixels, slopes.at_pixels, strict=True))
    assert np.sum(cosines.gradient_transposed(*at_pixels) * u) == pytest.approx(product, rel=1e-12)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_an_image_is_found_from_its_slopes(channels) -> None:
    u = noise(channels=channels)
    found = cosines.with_slopes_between(cosines.slope_between(u, 0), cosines.slope_between(u, 1))
    np.testing.assert_allclose(found, u - u.mean(axis=(0, 1)), atol=1e-12)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_what_is_missing_of_an_image_is_found_from_its_slopes_and_the_rest(channels) -> None:
    u, inside = noise(channels=channels), blob()
    known = np.where(inside if not channels else inside[:, :, None], 7.0, u)
    np.testing.assert_allclose(with_differences(difference(u, 0), difference(u, 1), known, inside), u, atol=1e-10)
    np.testing.assert_allclose(with_slopes(Slopes.of(u), known, inside), u, atol=1e-10)


def by_differences(given: Slopes, around: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return with_differences(given.down, given.right, around, inside)


def misfit(values: np.ndarray, given: Slopes, inside: np.ndarray, solver: object) -> float:
    """What a solver lowers."""
    if solver is by_differences:
        return sum(np.sum((difference(values, k) - given.parts[k])[touching(inside, k)] ** 2) for k in (0, 1))
    places = [touching(inside, 0), touching(inside, 1), inside, inside]
    return sum(np.sum((own - g)[m] ** 2) for own, g, m in zip(Slopes.of(values).parts, given.parts, places, strict=True))


@pytest.mark.parametrize("solver", [by_differences, with_slopes])
def test_of_slopes_that_are_no_images_the_nearest_is_found(solver) -> None:
    """The outside stays as it is, and every step inside raises the misfit by as much as the opposite one."""
    rng, around, inside = np.random.default_rng(2), noise(), blob()
    given = Slopes(rng.normal(size=(13, 11)), rng.normal(size=(14, 10)), tuple(rng.normal(size=(2, 14, 11))))
    found = solver(given, around, inside)
    np.testing.assert_array_equal(found[~inside], around[~inside])
    best = misfit(found, given, inside, solver)
    for _ in range(20):
        step = np.where(inside, 1e-3 * rng.normal(size=inside.shape), 0.0)
        there, back = (misfit(found + s, given, inside, solver) for s in (step, -step))
        assert min(there, back) > best
        assert abs(there - back) < 1e-6 * (there + back - 2 * best)  # 2 ∇·step, which is 0 at the minimum only


def test_five_point_differences_are_of_second_order() -> None:
    """∇u given at the links and u outside a disc: the error falls as h², with the derivative for the difference's slope."""
    errors = []
    for size in (32, 64, 128):
        image = Image("", np.zeros((size, size)))
        x, y = (c.reshape(size, size) for c in image.points.T)
        u, h = np.sin(2 * x) * np.exp(y), image.spacing
        across, down = (x[:, 1:] + x[:, :-1]) / 2, (y[1:] + y[:-1]) / 2
        right = h * 2 * np.cos(2 * across) * np.exp(y[:, 1:])
        below = -h * np.sin(2 * x[1:]) * np.exp(down)
        found = with_differences(below, right, u, x**2 + y**2 < 0.5)
        errors.append(np.abs(found - u).max())
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.2)
