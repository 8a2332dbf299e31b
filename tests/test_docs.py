"""Every Python block of the documentation runs, in order, and one number that it leads to is right."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKED = [  # file, an expression in its last block's names, what it is, to how much
    ("README.md", "solution(u, [[0, 0]])[0]", 0.2946854131, 1e-4),  # torsion of a square bar, by its Fourier series
    ("README.md", "report.verdict", "confirmed", None),
    ("docs/getting-started.md", "solution(u, [[0.4, 0]])[0]", 0.21 + 0.08 * -0.916290731874155, 1e-6),
    ("docs/getting-started.md", "report.verdict", "confirmed", None),
    ("docs/getting-started.md", "abs(fit(u, places) - heights).max()", 0.0, 1e-6),
    ("docs/getting-started.md", "float(decibels > 45)", 1.0, 0.0),
    ("docs/families.md", "swung", 0.0, 1e-9),  # sin πx cos 2πt + ½ sin 4πx cos 8πt at (½, ¼)
    ("docs/families.md", "verdict", "confirmed", None),
    ("docs/families.md", "loudness", 1.0, 1e-8),  # |exp(i k·x)|
    ("docs/families.md", "bent", 0.9489846193555862, 1e-8),  # sin 1.25
    ("docs/families.md", "abs(strength.value - 3) < 4 * strength.uncertainty < 0.02", True, None),
    ("docs/families.md", "float(arrival(T, [[0.0, 0.5]])[0])", 0.3083013596545168, 1e-8),  # 2 ln(7/6): straight up, ∫ dy / v
    ("docs/images.md", "float(agreement > 35)", 1.0, 0.0),
    ("docs/how-it-works.md", "found.omega0", 124, 15),
    ("docs/space.md", "refined", 0.0, 1e-3),  # relative, of a new member
    ("docs/scaling.md", "speedup['output layer, 10⁷ rows'][1000]", 573, 1),  # as its table says
    ("docs/surfaces.md", "middle", 0.49 / 6, 2e-4),
    ("docs/surfaces.md", "float(surface.volume)", 4 / 3 * 3.141592653589793 * 0.343, 5e-3),
    ("docs/inversion.md", "float(error)", 0.0, 6e-3),
    ("docs/extending.md", "solution(u, [[0, 0]])[0]", 0.5, 1e-6),
    ("docs/extending.md", "by_module(u, [[0, 0]])[0]", 0.5, 1e-3),
    ("docs/extending.md", "damped(u, [[0, 0]])[0]", 0.5, 1e-3),
]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [f for f in FILES if "```python" in f.read_text(encoding="utf-8")]
ROOMS = "pinnsiren|tests|docs|domains|validation|solvers|networks|equations"


@pytest.mark.slow
@pytest.mark.parametrize("file", WITH_CODE, ids=lambda f: f.name)
def test_python_blocks_run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "documentation"}
    for block in re.findall(r"```python\n(.*?)```", file.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(file), "exec"), names)
    checks = [c for c in CHECKED if ROOT / c[0] == file]
    assert checks, f"check a number of {file.name}"
    for _, expression, expected, tolerance in checks:
        assert eval(expression, names) == (expected if tolerance is None else pytest.approx(expected, abs=tolerance))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_links_and_named_files_exist(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (file.parent / link).exists(), f"{file.name} links to {link}"
    for name in re.findall(rf"`((?:{ROOMS})/[\w/]*(?:\.py)?)`", text):
        assert (ROOT / name).exists() or (ROOT / "pinnsiren" / name).exists(), f"{file.name} names {name}"
