"""The paper's experiments: every method runs, tables and pictures are written, and solutions become what they are."""

import json

import numpy as np
import pytest
from PIL import Image as Pillow

import pinnsiren as ps
from pinnsiren.cli import main
from pinnsiren.equations import catalogue
from pinnsiren.equations.signals import fit_audio, fit_image, fit_video
from pinnsiren.experiments import experiments, show
from pinnsiren.signals import read_image, read_sound, read_video

BRIEF = {"iterations": 3, "seconds": 5.0, "width": 8, "layers": 2, "batch": 64}
METHODS = ["ReLU", "tanh", "ReLU, positional encoding", "ReLU, radial functions", "SIREN"]


@pytest.mark.parametrize(("name", "settings"), [("fit_image", {"size": 16}), ("fit_audio", {"duration": 0.02}),
                                                ("fit_video", {"size": 24, "frames": 4})])
def test_every_network_of_the_paper_is_compared(tmp_path, name, settings) -> None:
    rows = experiments()[name].compare(tmp_path, **BRIEF, **settings)
    assert [r.method for r in rows][1:6] == METHODS
    assert all(np.isfinite(r.value) and r.experiment == name for r in rows)
    first, *others = rows[:6]
    better = [first.value > r.value if "dB" in first.measure else first.value < r.value for r in others]
    assert all(better)
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_every_experiments_problems_are_in_the_catalogue() -> None:
    for name, experiment in experiments().items():
        assert set(experiment.problems) <= set(catalogue()), name
        assert experiment.compare.__doc__


def solved(problem, tmp_path):
    """A solution that has been saved and loaded."""
    ps.solve(problem, progress=False).save(tmp_path / "solution.h5")
    return ps.load(tmp_path / "solution.h5")


def test_a_fitted_image_is_an_image(tmp_path) -> None:
    lines = show(solved(fit_image(size=40, keep=0.5), tmp_path), tmp_path)
    assert lines[0].startswith("PSNR")
    shape = read_image("photo", 40, square=False).shape
    assert np.asarray(Pillow.open(tmp_path / "image.png")).shape == (*shape, 3)
    assert np.asarray(Pillow.open(tmp_path / "image_finer.png")).shape == (4 * shape[0], 4 * shape[1], 3)


def test_a_fitted_image_is_not_turned_or_mirrored(tmp_path) -> None:
    show(solved(fit_image(size=40), tmp_path), tmp_path)
    given = read_image("photo", 40, square=False, colour=True)
    written = np.asarray(Pillow.open(tmp_path / "image.png"))
    assert np.abs(written - 255 * given.values).max() < 1


def test_a_fitted_sound_is_a_sound(tmp_path) -> None:
    show(solved(fit_audio(seconds=0.05), tmp_path), tmp_path)
    given, heard = read_sound("prelude", 0.05), read_sound(tmp_path / "sound.wav")
    assert heard.rate == given.rate
    np.testing.assert_allclose(heard.values, given.values, atol=1e-4)


def test_a_fitted_video_is_a_video(tmp_path) -> None:
    show(solved(fit_video(size=24, frames=6), tmp_path), tmp_path)
    given, seen = read_video("clip", 24, 6), read_video(tmp_path / "video.gif")
    assert seen.shape == given.shape and seen.rate == pytest.approx(given.rate, rel=0.05)
    assert np.abs(seen.values - given.values).mean() < 0.05  # a GIF has 256 colours a frame


def test_other_problems_are_their_fields_alone(tmp_path) -> None:
    (x,) = ps.coordinates("x")
    u, line = ps.Field("u", x), ps.Interval(x, 0, 1)
    problem = ps.Problem(ps.Equation(u.diff(x, 2), 1).on(line.interior), ps.Equation(u, 0).on(line.boundary))
    assert show(ps.solve(problem, progress=False), tmp_path) == []


def test_what_cannot_be_shown_costs_no_report(tmp_path, monkeypatch, capsys) -> None:
    def refused(solution, folder):
        raise ps.DataError("no scikit-image")

    monkeypatch.setattr("pinnsiren.cli.commands.show", refused)
    assert main(["solve", "fit_image", "--set", "size=32", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").exists() and (tmp_path / "solution.h5").exists()
    assert "not shown: no scikit-image" in capsys.readouterr().err


def test_the_command(tmp_path, capsys) -> None:
    settings = [f"--set={k}={v}" for k, v in {**BRIEF, "size": 16}.items()]
    assert main(["paper", "fit_image", "--out", str(tmp_path), *settings]) == 0
    told = json.loads((tmp_path / "table.json").read_text())
    assert {row["method"] for row in told} >= set(METHODS)
    assert (tmp_path / "table.md").read_text().count("\n") == 2 + len(told)
    assert (tmp_path / "fit_image" / "fit_image.png").exists()
    assert "positional encoding" in capsys.readouterr().out


def test_what_the_command_refuses(tmp_path, capsys) -> None:
    for arguments, message in ((["paper", "fit_smell"], "no experiment 'fit_smell'"),
                               (["paper", "fit_image", "--set", "depth=3"], "no setting 'depth'"),
                               (["paper", "--set", "size=3"], "--set is for one experiment")):
        assert main([*arguments, "--out", str(tmp_path)]) == 2
        assert message in capsys.readouterr().err
