"""Blended photographs as pictures, and the methods beside each other."""

import numpy as np
import pytest
from PIL import Image as Pillow

import pinnsiren as ps
from pinnsiren.equations.blending import blend
from pinnsiren.experiments import experiments, show
from pinnsiren.signals import blended

pytestmark = pytest.mark.filterwarnings("ignore::pinnsiren.solve.ProblemWarning")


@pytest.mark.parametrize("mode", ["average", "clone"])
def test_a_loaded_solution_is_shown(tmp_path, mode) -> None:
    solution = ps.solve(blend("photo", "astronaut", mode, 48), progress=False)
    solution.save(tmp_path / "solution.h5")
    loaded = ps.load(tmp_path / "solution.h5")
    told = show(loaded, tmp_path)
    assert told[0].startswith("PSNR ")
    assert float(told[0].split()[1]) > 25
    assert any("outside the mask" in line for line in told) == (mode == "clone")
    written = np.asarray(Pillow.open(tmp_path / "image.png")) / 255
    np.testing.assert_allclose(written, np.clip(blended(solution).values, 0, 1), atol=0.5 / 255 + 1e-6)
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_all_modes_are_compared(tmp_path) -> None:
    rows = experiments()["blend"].compare(tmp_path, "photo", "astronaut", 32, False, 0.2, 20, 128, 16, 2)
    by_mode = {mode: [r for r in rows if r.setting.startswith(mode)] for mode in ("average", "mix", "clone")}
    for three in by_mode.values():
        windows, siren, differences = (r.value for r in three)
        assert windows > 25
        assert differences > 25
        assert siren < windows  # 20 steps of a small network
    assert (tmp_path / "blend.png").exists()
