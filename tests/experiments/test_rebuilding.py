"""Images from their derivatives as pictures, without what the derivatives leave open; the methods beside each other."""

import numpy as np
import pytest
from PIL import Image as Pillow

import pinnsiren as ps
from pinnsiren.equations.images import image_from_gradients, image_from_laplacian
from pinnsiren.experiments import experiments, show
from pinnsiren.experiments.rebuilding import derivative_psnr
from pinnsiren.signals import read_image

pytestmark = pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")
MAKERS = {"image_from_gradients": image_from_gradients, "image_from_laplacian": image_from_laplacian}


@pytest.mark.parametrize(("name", "colour"), [("image_from_gradients", True), ("image_from_laplacian", False)])
def test_what_is_shown_is_the_image_less_its_null_space(tmp_path, name, colour) -> None:
    solution = ps.solve(MAKERS[name]("chelsea", 48, colour=colour, square=False), progress=False)
    solution.save(tmp_path / "solution.h5")
    told = show(ps.load(tmp_path / "solution.h5"), tmp_path)
    assert float(told[0].split()[1]) > 40
    image = read_image("chelsea", 48, colour=colour, square=False)
    written = np.asarray(Pillow.open(tmp_path / "image.png")) / 255
    assert written.shape == image.values.shape
    assert np.sqrt(np.mean((written - image.values) ** 2)) < 0.01
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_the_derivatives_own_quality() -> None:
    """PSNR by hand, and far below after a short solve."""
    solution = ps.solve(image_from_gradients("photo", 32), progress=False)
    u, = solution.problem.fields
    image = read_image("photo", 32)
    found, given = solution.evaluate(ps.grad(u), image.points), np.stack([g.ravel() for g in image.gradient()], axis=1)
    by_hand = 10 * np.log10((given.max() - given.min()) ** 2 / np.mean((found - given) ** 2))
    assert derivative_psnr(solution) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_methods_are_compared(tmp_path, name) -> None:
    rows = experiments()[name].compare(tmp_path, "photo", 32, False, 0.3, 20, 128, 16, 2)
    assert len(rows) == 8  # four methods, the image and the derivative
    assert len({r.method for r in rows}) == 4
    assert max(r.value for r in rows[2::2]) < rows[0].value  # of a small network after 20 steps
    assert rows[0].value > 35
    published = {r.method: r.published for r in rows[::2]}
    assert published["SIREN"].startswith("32.91 dB" if name == "image_from_gradients" else "14.95 dB")
    assert (tmp_path / f"{name}.png").exists()
