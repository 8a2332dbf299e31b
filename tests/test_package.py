"""What is built is the whole package, once: the three links at the root neither add to it nor take from it."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINKS = ("equations", "solvers", "validation")
FILES = {str(p.relative_to(ROOT)) for p in (ROOT / "pinnsiren").rglob("*")
         if p.is_file() and "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("name", LINKS)
def test_root_links_lead_into_the_package(name: str) -> None:
    assert (ROOT / name).is_symlink()
    assert (ROOT / name).resolve() == ROOT / "pinnsiren" / name


def test_wheel_holds_every_file_of_the_package(built: Path) -> None:
    wheel, = built.glob("*.whl")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert names == FILES
    assert all(any(n.startswith(f"pinnsiren/{link}/") for n in names) for link in LINKS)


def test_source_archive_holds_every_file_of_the_package(built: Path) -> None:
    archive, = built.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        names = {n.partition("/")[2] for n in content.getnames()}
    assert names >= FILES | {"README.md", "LICENSE", "Makefile", "constraints.txt", "tests/test_package.py"}
    assert not any(n.startswith(LINKS) for n in names)
