"""Sets of small images: where they are cut, what a folder may hold, and what is refused."""

import numpy as np
import PIL.Image
import pytest

from pinnsiren.errors import DataError
from pinnsiren.signals.patches import COLOURS, Patches, cut_patches, images_in
from pinnsiren.symbols import coordinates


def write(folder, name, values, mode="RGB"):
    PIL.Image.fromarray(np.asarray(values, dtype=np.uint8), mode=None).convert(mode).save(folder / name)


def gradient(rows, columns):
    x = np.linspace(0, 255, columns)
    return np.repeat(np.tile(x, (rows, 1))[..., None], 3, axis=2)


def test_squares_of_photographs_are_the_same_for_the_same_seed_and_held_out_ones_lie_elsewhere():
    some, again = cut_patches(6, 3, 16, seed=1), cut_patches(6, 3, 16, seed=1)
    assert np.array_equal(some.values, again.values)
    assert some.values.shape == (9, 16, 16, 3) and some.training == 6
    assert -1 <= some.values.min() < some.values.max() <= 1
    assert not np.array_equal(cut_patches(6, 3, 16, seed=2).values, some.values)


def test_held_out_squares_are_cut_on_the_right(monkeypatch):
    marked = np.zeros((64, 100, 3)) + 0.5
    marked[:, 75:] = -0.5
    marked[::2] += 0.1
    monkeypatch.setattr("pinnsiren.signals.patches._photographs", lambda: iter([None]))
    monkeypatch.setattr("pinnsiren.signals.patches._read", lambda path: marked)
    found = cut_patches(20, 20, 8, seed=0)
    assert (found.values[:20] > 0.4).all() and (found.values[20:] < -0.3).all()


def test_pixels_lie_where_the_image_shows_them():
    values = np.zeros((2, 8, 8, 3))
    values[0, 0, 7] = [1.0, 0.5, -0.5]  # top right
    found = Patches("two", values, 1).pixels(0)
    at = np.argmax(found.values @ [1.0, 1.0])
    assert found.values[at] == pytest.approx([0.875, 0.875])
    assert [column[at] for _, column in found.columns] == [1.0, 0.5, -0.5]
    assert found.coordinates == coordinates("x y")


def test_the_problem_of_an_image_is_its_mean_square():
    own = cut_patches(1, 1, 8)
    problem = own.problem(1, [3, 5])
    (constraint,) = problem.constraints
    assert len(constraint.region) == 2 and len(constraint.residuals) == 3
    assert constraint.weight == pytest.approx(1 / 3)
    assert [f.name for f in problem.fields] == list(COLOURS)


def test_a_folder_is_cut_to_the_middle_and_averaged(tmp_path):
    write(tmp_path, "a.png", gradient(20, 40))
    write(tmp_path, "b.jpg", gradient(16, 16))
    write(tmp_path, "c.png", np.full((30, 20, 3), 9))
    (tmp_path / "notes.txt").write_text("no image")
    found = images_in(tmp_path, 8)
    assert found.values.shape == (3, 8, 8, 3) and found.training == 2
    assert found.values[0, 0, :, 0].mean() == pytest.approx(0.0, abs=0.01)
    assert np.ptp(found.values[0, 0, :, 0]) < 1.1  # the middle half of the gradient
    assert np.allclose(found.values[2], 9 / 127.5 - 1)


def test_transparency_is_laid_on_white(tmp_path):
    clear = np.zeros((8, 8, 4), dtype=np.uint8)
    clear[..., 3] = np.arange(8) * 36
    PIL.Image.fromarray(clear).save(tmp_path / "a.png")
    write(tmp_path, "b.png", gradient(8, 8))
    found = images_in(tmp_path, 8).values[0, 0, :, 0]
    assert found[0] == 1.0 and found[7] == pytest.approx(1 - 2 * 252 / 255, abs=0.02)


def test_folders_that_will_not_do(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        images_in(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds 0 images .* expected at least 2"):
        images_in(tmp_path)
    write(tmp_path, "a.png", gradient(8, 8))
    write(tmp_path, "b.png", gradient(8, 7))
    with pytest.raises(DataError, match="b.png has 7 × 8 pixels; expected at least 8 × 8"):
        images_in(tmp_path, 8)
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match="b.png cannot be read as an image"):
        images_in(tmp_path, 8)
    write(tmp_path, "b.png", gradient(8, 8))
    with pytest.raises(DataError, match="size 4 were asked for; give a whole number of at least 8"):
        images_in(tmp_path, 4)
    with pytest.raises(DataError, match="held_out=1.5"):
        images_in(tmp_path, 8, held_out=1.5)


def test_images_that_will_not_do():
    values = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3))
    holed = values.copy()
    holed[2, 1, 1, 0] = np.nan
    for given, training, message in ((values[:, :7], 3, "expected .n, N, N, 3."), (values, 4, "one held out"),
                                     (holed, 3, "image 2 of some holds values that are not finite"),
                                     (np.zeros_like(values), 3, "all constant: there is nothing to learn"),
                                     (np.repeat(values[:1], 4, axis=0), 3, "3 images of some to train on are all the same")):
        with pytest.raises(DataError, match=message):
            Patches("some", given, training)
    with pytest.raises(DataError, match="held_out=0"):
        cut_patches(4, 0)
    with pytest.raises(DataError, match="200 × 200 pixels does not fit"):
        cut_patches(1, 40, 200)
