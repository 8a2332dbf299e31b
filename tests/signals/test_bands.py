"""Bands of signals: known spectra."""

import numpy as np
import pytest

from pinnsiren.signals.bands import band


def test_a_cosine_has_its_frequency() -> None:
    s = (2 * np.arange(64) + 1) / 64 - 1
    x, y = np.meshgrid(s, s)
    values = 3 + np.cos(np.pi * 10 * (x + 1) / 2) * np.cos(np.pi * 4 * (y + 1) / 2)
    assert band(values, (1, 0)) == pytest.approx((10 * np.pi / 2, 4 * np.pi / 2))


def test_the_last_twentieth_of_the_energy_does_not_count() -> None:
    s = (2 * np.arange(128) + 1) / 128 - 1
    low, high = (np.cos(np.pi * k * (s + 1) / 2) for k in (3, 40))
    assert band(low + 0.2 * high, (0,)) == pytest.approx((3 * np.pi / 2,))  # 0.04/1.04 of the energy is above
    assert band(low + 0.3 * high, (0,)) == pytest.approx((40 * np.pi / 2,))


def test_nothing_varies_along_an_axis() -> None:
    assert band(np.repeat(np.linspace(0, 1, 8)[:, None], 5, axis=1), (0, 1))[1] == pytest.approx(0.0)
    assert band(np.ones((4, 1)), (1,)) == (0.0,)
