"""Images: reading, derivatives against known functions, and how well derivatives determine them."""

import numpy as np
import pytest
from PIL import Image as Pillow

from pinnsiren.equations.images import image_from_gradients, image_from_laplacian
from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.recovery import ceiling, from_gradient, from_laplacian, psnr, without_null_space


def waves(size: int = 32) -> tuple[Image, np.ndarray, np.ndarray]:
    """An image that is a sum of few cosines of the reflected square, with its points' x and y."""
    blank = Image("waves", np.zeros((size, size)))
    x, y = (c.reshape(size, size) for c in blank.points.T)
    values = np.cos(np.pi * (x + 1)) * np.cos(1.5 * np.pi * (y + 1)) + 0.3 * np.cos(2 * np.pi * (x + 1))
    return Image("waves", values), x, y


def test_points_are_pixel_centres_with_y_up() -> None:
    points = Image("", np.zeros((4, 4))).points
    np.testing.assert_allclose(points[0], [-0.75, 0.75])
    np.testing.assert_allclose(points[1], [-0.25, 0.75])
    np.testing.assert_allclose(points[-1], [0.75, -0.75])


def test_spectral_derivatives_are_exact_for_cosines() -> None:
    image, x, y = waves()
    a, b = np.pi * (x + 1), 1.5 * np.pi * (y + 1)
    right, up = image.gradient()
    np.testing.assert_allclose(right, -np.pi * np.sin(a) * np.cos(b) - 0.6 * np.pi * np.sin(2 * a), atol=1e-11)
    np.testing.assert_allclose(up, -1.5 * np.pi * np.cos(a) * np.sin(b), atol=1e-11)
    laplacian = -3.25 * np.pi**2 * np.cos(a) * np.cos(b) - 1.2 * np.pi**2 * np.cos(2 * a)
    np.testing.assert_allclose(image.laplacian(), laplacian, atol=1e-9)


@pytest.mark.parametrize(("target", "order"), [("central", 2), ("forward", 1), ("five-point", 2)])
def test_stencils_converge_at_their_order(target, order) -> None:
    errors = []
    for size in (32, 64, 128):
        image, _, _ = waves(size)
        if target == "five-point":
            errors.append(np.abs(image.laplacian(target) - image.laplacian()).max())
        else:
            errors.append(np.sqrt(np.mean((image.gradient(target)[0] - image.gradient()[0]) ** 2)))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, order, atol=0.1)


def test_five_point_laplacian_is_the_stencil() -> None:
    rng = np.random.default_rng(0)
    image = Image("noise", rng.random((12, 12)))
    f = np.pad(image.values, 1, mode="symmetric")
    stencil = f[2:, 1:-1] + f[:-2, 1:-1] + f[1:-1, 2:] + f[1:-1, :-2] - 4 * image.values
    np.testing.assert_allclose(image.laplacian("five-point") * image.spacing**2, stencil, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_spectral_targets_give_the_image_back(seed) -> None:
    image = Image("noise", np.random.default_rng(seed).random((16, 16)))
    mean = image.values.mean()
    np.testing.assert_allclose(from_gradient(image, "spectral"), image.values - mean, atol=1e-12)
    np.testing.assert_allclose(from_laplacian(image, "spectral"), image.values - mean, atol=1e-12)


def test_ceilings_of_the_photograph() -> None:
    photo = read_image("photo")
    assert ceiling(photo, "gradient") > 200
    assert ceiling(photo, "laplacian") > 200
    assert ceiling(photo, "gradient", "central") == pytest.approx(31.2, abs=0.1)
    assert ceiling(photo, "laplacian", "five-point") == pytest.approx(36.4, abs=0.1)


def test_no_interpolant_fits_a_target_better_than_the_ceilings() -> None:
    image = Image("noise", np.random.default_rng(4).random((12, 12)))
    best = from_gradient(image, "forward")

    def misfit(values):
        found = Image("", values).gradient()
        return sum(np.sum((a - b) ** 2) for a, b in zip(found, image.gradient("forward"), strict=True))

    rng = np.random.default_rng(5)
    for _ in range(20):
        assert misfit(best + 1e-3 * rng.normal(size=best.shape)) > misfit(best)


def test_null_spaces_are_removed_and_nothing_else() -> None:
    x, y = (c.reshape(24, 24) for c in Image("", np.zeros((24, 24))).points.T)
    rest = np.sin(3 * x) * y
    np.testing.assert_allclose(without_null_space(rest + 5, "gradient"), rest - rest.mean(), atol=1e-13)
    harmonic = 2 + x - 3 * y + x * y + x**2 - y**2  # five-point Laplacian 0 as well
    np.testing.assert_allclose(without_null_space(harmonic, "laplacian"), 0, atol=1e-12)
    bump = np.zeros((24, 24))
    bump[7, 9] = 1.0
    np.testing.assert_allclose(without_null_space(bump + harmonic, "laplacian"), bump, atol=1e-12)


def test_psnr() -> None:
    image = Image("", np.random.default_rng(0).random((16, 16)))
    assert psnr(image.values + 0.1, image) == pytest.approx(20.0)
    assert psnr(image.values + 0.1, image, "gradient") > 200
    assert psnr(image.values, image) == float("inf")


@pytest.mark.parametrize("name", ["photo", "mri"])
def test_samples(name) -> None:
    image = read_image(name, 64)
    assert image.values.shape == (64, 64)
    assert image.values.min() == 0
    assert image.values.max() == 1


def test_files_of_every_mode_are_cropped_and_averaged(tmp_path) -> None:
    row = np.repeat([0, 255], 16).astype(np.uint8)
    wide = np.vstack([row] * 24)  # 24 × 32: the middle 24 columns are kept
    for mode in ("L", "RGB", "RGBA", "P"):
        Pillow.fromarray(wide).convert(mode).save(tmp_path / f"{mode}.png")
        image = read_image(tmp_path / f"{mode}.png", 12)
        np.testing.assert_allclose(image.values, np.repeat([[0.0, 1.0]], 12, axis=0).repeat(6, axis=1), atol=1e-6)


def test_bad_images(tmp_path) -> None:
    with pytest.raises(DataError, match="there is no image"):
        read_image(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(tmp_path / "text.png")
    Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:900])
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_image(tmp_path / "cut.png")
    Pillow.fromarray(np.full((20, 20), 7, np.uint8)).save(tmp_path / "flat.png")
    with pytest.raises(DataError, match="is constant"):
        read_image(tmp_path / "flat.png", 16)
    bad = np.ones((20, 20), np.float32)
    bad[3, 4] = np.nan
    Pillow.fromarray(bad).save(tmp_path / "bad.tiff")
    with pytest.raises(DataError, match="row 3, column 4"):
        read_image(tmp_path / "bad.tiff", 16)
    with pytest.raises(DataError, match="at least 8"):
        read_image("photo", 4)
    with pytest.raises(DataError, match="not known for a gradient"):
        read_image("photo", 16).gradient("five-point")
    with pytest.raises(DataError, match="not known for a laplacian"):
        read_image("photo", 16).laplacian("central")


def test_problems_carry_their_target_and_the_image() -> None:
    for make in (image_from_gradients, image_from_laplacian):
        problem = make(size=16)
        (u,) = problem.fields
        region = problem.constraints[0].region
        points = region.sample(10_000)
        np.testing.assert_array_equal(points.data[problem.exact[u]], read_image("photo", 16).values.ravel())


def test_colours_and_other_shapes(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(10, 200, (20, 30, 3)).astype(np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "wide.png")
    image = read_image(tmp_path / "wide.png", None, colour=True, square=False)
    assert image.shape == (20, 30) and image.spacing == 2 / 30 and list(image.channels) == ["red", "green", "blue"]
    np.testing.assert_allclose(image.low + (image.high - image.low) * image.values, pixels, atol=1e-10)
    np.testing.assert_allclose(image.points[0], [-1 + 1 / 30, 2 / 3 - 1 / 30])
    np.testing.assert_allclose(image.centres(20, 30), image.points)
    assert read_image(tmp_path / "wide.png", 15, square=False).values.shape == (10, 15)
    assert read_image(tmp_path / "wide.png", 10, colour=True).values.shape == (10, 10, 3)
    one = image.channels["green"].reshape(20, 30)
    for whole, alone in zip(image.gradient(), Image("", np.pad(one, 0)).gradient(), strict=True):
        np.testing.assert_allclose(whole[:, :, 1], alone, atol=1e-11)
    np.testing.assert_allclose(image.laplacian()[:, :, 1], Image("", one).laplacian(), atol=1e-9)
    np.testing.assert_allclose(from_gradient(image)[:, :, 1], one - one.mean(), atol=1e-11)
    assert psnr(image.values + 3.0, image, "gradient") > 200


def test_what_is_transparent_is_laid_over_white(tmp_path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 8:, 3] = 255  # black on the right, nothing on the left
    Pillow.fromarray(pixels).save(tmp_path / "a.png")
    Pillow.fromarray(pixels).convert("LA").save(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name, None).values, np.repeat([[1.0, 0.0]], 16, 0).repeat(8, 1))


def test_images_can_be_written(tmp_path) -> None:
    image = read_image("photo", 32, colour=True)
    image.save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png", None, colour=True).values, image.values, atol=0.5 / 255 + 1e-9)
    image.like(image.values.reshape(-1, 3) + 5).save(tmp_path / "b.png")  # cut off at 1
    assert np.asarray(Pillow.open(tmp_path / "b.png")).min() == 255
    with pytest.raises(StorageError, match="cannot be written"):
        image.save(tmp_path / "a.nothing")
