"""Figures show the numbers that they were given, and leave matplotlib's global state alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pinnsiren.domains import Ball, Box, Disc, Interval
from pinnsiren.errors import DataError
from pinnsiren.plotting import SIGNED, UNSIGNED, draw_field, draw_history, plot_fields
from pinnsiren.symbols import coordinates, time

x, y, z = coordinates("x y z")
t = time("t")
HISTORY = {"loss": [1.0, 1e-3, 0.0, 1e-9], "interior": [0.5, 1e-4, 1e-6, 1e-10]}


def wave(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sin(3 * points[:, 0]) * points[:, -1]


def test_image_is_the_field_and_outside_is_masked() -> None:
    domain = Box({x: (-1, 1), y: (0, 3)}) - Disc({x: 0, y: 1}, 0.5)
    seen = []

    def values(points: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(points)
        return wave(points)

    figure = Figure()
    draw_field(figure, values, domain, title="u", resolution=60)
    assert domain.contains(np.concatenate(seen)).all()
    axes = figure.axes[0]
    grid = axes.images[0].get_array()
    assert grid.shape == (60, 40)
    assert axes.images[0].get_extent() == [-1, 1, 0, 3]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("$x$", "$y$", "u")
    masked = 1 - np.ma.getmaskarray(grid).mean()
    assert masked == pytest.approx(1 - np.pi / 24, abs=0.01)  # the disc's share of the box
    row, column = 50, 5  # at the middle of its cell
    assert grid[row, column] == pytest.approx(np.sin(3 * (-1 + 5.5 / 20)) * 50.5 / 20)


def test_colours_follow_the_sign() -> None:
    square = Box({x: (-1, 1), y: (0, 1)})
    for values, name, limits in (
        (wave, SIGNED, None), (lambda p: p[:, 1], UNSIGNED, None), (lambda p: p[:, 1] - 1e-4, UNSIGNED, None),
        (lambda p: -p[:, 1], UNSIGNED, None), (lambda p: p[:, 1], SIGNED, (-0.5, 2.0)),
    ):
        figure = Figure()
        draw_field(figure, values, square, limits=limits, resolution=20)
        image = figure.axes[0].images[0]
        assert image.get_cmap().name == name
        if name == SIGNED:
            assert image.norm.vmin == -image.norm.vmax


def test_constant_and_undefined_fields_are_drawn(tmp_path: Path) -> None:
    for values in (lambda p: np.zeros(len(p)), lambda p: np.full(len(p), np.nan)):
        plot_fields({"u": values}, Box({x: (0, 1), y: (0, 1)}), resolution=10).savefig(tmp_path / "u.png")


def test_three_dimensions_show_three_slices_through_the_middle() -> None:
    figure = Figure()
    draw_field(figure, lambda p: p[:, 0] + 10 * p[:, 1] + 100 * p[:, 2], Ball({x: 1, y: 2, z: 3}, 1), resolution=41)
    assert [a.get_title() for a in figure.axes[:3]] == ["$z$ = 3", "$y$ = 2", "$x$ = 1"]
    for axes in figure.axes[:3]:
        assert axes.images[0].get_array()[20, 20] == pytest.approx(321)
    assert len({(a.images[0].norm.vmin, a.images[0].norm.vmax) for a in figure.axes[:3]}) == 1


def test_line_and_history() -> None:
    figure = plot_fields({"u": lambda p: p[:, 0] ** 2, "v": wave}, Interval(x, -1, 2), history=HISTORY, title="both")
    at, values = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(values, at**2)
    assert (at[0], at[-1]) == (-1, 2)
    history = figure.axes[-1]
    assert history.get_yscale() == "log"
    assert [line.get_label() for line in history.lines] == ["loss", "interior"]
    np.testing.assert_array_equal(history.lines[0].get_ydata(), [1.0, 1e-3, np.nan, 1e-9])
    np.testing.assert_array_equal(history.lines[0].get_xdata(), [1, 2, 3, 4])


@pytest.mark.parametrize(("domain", "aspect"), [
    (Box({x: (0, 1), y: (0, 2)}), 1.0), (Box({x: (0, 1), y: (0, 9)}), "auto"), (Box({x: (0, 1), t: (0, 1)}), "auto")])
def test_lengths_are_drawn_to_scale_and_times_are_not(domain: Box, aspect: float | str) -> None:
    figure = plot_fields({"u": wave}, domain, resolution=12)
    assert figure.axes[0].get_aspect() == aspect


def test_of_many_fields_and_curves_some_are_shown_and_the_rest_is_counted() -> None:
    fields = {f"u{k}": lambda p: p[:, 0] for k in range(12)}
    curves = {"loss": [1.0, 0.5]} | {f"c{k}": [1.0, 0.1 * (k + 1)] for k in range(20)}
    figure = plot_fields(fields, Interval(x, 0, 1), history=curves, title="waves")
    assert figure.get_suptitle() == "waves: 9 of 12 pictures, the others are left out"
    *shown, history = figure.axes
    assert [ax.get_title() for ax in shown] == [f"u{k}" for k in range(9)]
    assert len(history.lines) == 21
    named = [text.get_text() for text in history.get_legend().get_texts()]
    assert named == ["loss", *(f"c{k}" for k in range(9, 20)), "9 others"]


def test_wrong_values_are_refused() -> None:
    with pytest.raises(DataError, match=r"values of shape \(\d+, 1\) for \d+ points"):
        plot_fields({"u": lambda p: p[:, :1]}, Box({x: (0, 1), y: (0, 1)}))
    with pytest.raises(DataError, match="given no field"):
        plot_fields({}, Interval(x, 0, 1))
    with pytest.raises(DataError, match=r"lengths \{'loss': 2, 'wall': 3\}"):
        draw_history(Figure().subplots(), {"loss": [1, 2], "wall": [1, 2, 3]})
    with pytest.raises(DataError, match="one or more"):
        draw_history(Figure().subplots(), {})


def test_pyplot_is_left_alone() -> None:
    program = ("import sys, io; from pinnsiren.plotting import plot_fields; from pinnsiren.domains import Interval\n"
               "from pinnsiren.symbols import coordinates\n"
               "x, = coordinates('x'); plot_fields({'u': lambda p: p[:, 0]}, Interval(x, 0, 1)).savefig(io.BytesIO())\n"
               "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1], check=True)
