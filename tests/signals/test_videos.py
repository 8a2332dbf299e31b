"""Videos: frames, colours and rates go through files, and what is no video is refused."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals import Video, read_video


def film(frames: int = 6, rows: int = 16, columns: int = 32) -> Video:
    """A bright stripe that moves to the right, red above and blue below."""
    values = np.zeros((frames, rows, columns, 3))
    for k in range(frames):
        values[k, :rows // 2, 4 * k:4 * k + 4, 0] = 1.0
        values[k, rows // 2:, 4 * k:4 * k + 4, 2] = 1.0
    return Video("film", 20.0, values)


def test_points_are_pixels_with_y_up_and_time_in_seconds() -> None:
    points = film().points.reshape(6, 16, 32, 3)
    np.testing.assert_allclose(points[0, 0, 0], [-1 + 1 / 32, 0.5 - 1 / 32, 0.0])
    np.testing.assert_allclose(points[5, -1, -1], [1 - 1 / 32, -0.5 + 1 / 32, 0.25])


def test_gifs_keep_colours_and_rate(tmp_path) -> None:
    film().save(tmp_path / "a.gif")
    again = read_video(tmp_path / "a.gif")
    assert again.rate == pytest.approx(20.0)
    np.testing.assert_allclose(again.values, film().values, atol=0.01)
    np.testing.assert_array_equal(read_video(tmp_path / "a.gif", frames=3).values, again.values[:3])
    assert read_video(tmp_path / "a.gif", colour=False).values.shape == (6, 16, 32)
    assert read_video(tmp_path / "a.gif", size=16).shape == (6, 8, 16)


def test_films_by_imageio(tmp_path) -> None:
    pytest.importorskip("av")
    film(12, 32, 64).save(tmp_path / "a.mp4")
    again = read_video(tmp_path / "a.mp4")
    assert again.shape == (12, 32, 64) and again.rate == pytest.approx(20.0)
    assert np.abs(again.values.mean(axis=3) - film(12, 32, 64).values.mean(axis=3)).mean() < 0.05  # a film is compressed


def test_the_clip() -> None:
    clip = read_video("clip")
    assert clip.shape[0] == 24 and clip.rate == pytest.approx(1000 / 70)
    assert all(0 < b < np.pi / 2 * n for b, n in zip(clip.band, clip.shape[::-1], strict=True))


def test_bad_videos(tmp_path) -> None:
    with pytest.raises(DataError, match="there is no video"):
        read_video(tmp_path / "missing.gif")
    for name in ("text.gif", "text.mp4"):
        (tmp_path / name).write_text("no film")
        with pytest.raises(DataError, match="cannot be read as a video"):
            read_video(tmp_path / name)
    Pillow.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "one.gif")
    with pytest.raises(DataError, match="1 frames; expected two"):
        read_video(tmp_path / "one.gif")
    Video("grey", 10.0, np.full((3, 32, 32, 3), 0.5)).save(tmp_path / "flat.mp4")
    with pytest.raises(DataError, match="everywhere"):
        read_video(tmp_path / "flat.mp4")
    with pytest.raises(StorageError, match="path ending in .gif"):
        film().save(tmp_path / "a.nothing")
