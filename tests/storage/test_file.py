"""One file holds one record: it comes back as it was, a damaged one is recognised, and a failed write loses nothing."""

import hashlib
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import sympy

from pinnsiren.domains import Ball, Box, Disc, Interval, PointSet
from pinnsiren.equation import Equation
from pinnsiren.errors import StorageError
from pinnsiren.problem import Problem
from pinnsiren.storage import read, write
from pinnsiren.storage.file import FORMAT, USER_BLOCK
from pinnsiren.storage.record import declared_classes
from pinnsiren.symbols import Data, Field, Parameter, coordinates, laplacian, normal_derivative

x, y, z = coordinates("x y z")
u = Field("u", x, y)
d = Data("d")
ring = Disc({x: 0, y: 0}, 1) - Box({x: (-0.5, 0.5), y: (-0.25, 0.25)})
points = np.random.default_rng(0).random((7, 2))
PROBLEM = Problem(
    Equation(-laplacian(u) + Parameter("k", 2) * u**3, sympy.exp(x * y)).on(ring.interior, points=400),
    Equation(u, 0, name="wall").on(ring.boundary.where((x > 0) | sympy.Eq(y, 0)), weight=3.0),
    Equation(normal_derivative(u), u).on(Box({x: (0, 1), y: (0, 2)}).face(x, 0), norm="huber"),
    Equation(u, d).on(PointSet((x, y), points, data={d: np.arange(7.0)})),
    name="everything", exact={u: sympy.sin(x) * y}, tolerance=1e-5)
RECORD = {
    "problem": PROBLEM, "weights": np.random.default_rng(1).standard_normal((40, 30)), "empty": np.zeros((0, 2)),
    "float32": np.arange(5, dtype=np.float32), "complex": np.array([1 + 2j]), "flags": np.array([True, False]),
    "nested": {"list": [1, -2.5, None, True, "ä\n"], "tuple": (1, (2,)), "inf": -np.inf, "$": "a key"},
    "by field": {u: [1.0], "u": 2}, "history": [{"loss": 10.0**-k} for k in range(30)], "scalar": np.float64(0.1),
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "solution.h5"


@pytest.fixture
def saved(path: Path) -> bytes:
    write(path, RECORD)
    return path.read_bytes()


def test_record_comes_back(path: Path, saved: bytes) -> None:
    back = read(path)
    assert same(RECORD, back)
    assert back["problem"] == PROBLEM
    assert back["problem"].exact == PROBLEM.exact
    assert [c.name for c in back["problem"].constraints] == [c.name for c in PROBLEM.constraints]
    before, after = (p.constraints[1].region.sample(50, seed=3).values for p in (PROBLEM, back["problem"]))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("thing", [
    Interval(x, -1, sympy.pi), Box({x: (0, 1), y: (-2, 3), z: (4, 5)}), Ball({x: 0, y: 1, z: 2}, 3), ring,
    ring & Disc({x: 0.5, y: 0}, 1), ring | Box({x: (0, 5), y: (0, 1)}), ring.interior, ring.boundary.where(x > 0),
    Box({x: (0, 1), y: (-2, 3)}).face(y, 3), PointSet((x, y), points, normals=np.tile([0.6, 0.8], (7, 1))),
    Equation((u, x), (0, 1)), PROBLEM], ids=lambda t: type(t).__name__)
def test_declared_objects_come_back(path: Path, thing: Any) -> None:
    write(path, {"thing": thing})
    assert read(path)["thing"] == thing


def test_classes_are_found() -> None:
    known = declared_classes()
    assert {"Box", "Ball", "Difference", "PointSet", "Problem", "Constraint", "Equation", "Where"} <= set(known)


def test_file_is_plain_hdf5_without_pickle(path: Path, saved: bytes) -> None:
    with h5py.File(path) as file:
        assert file.attrs["program"] == "pinnsiren"
        assert b"Difference" in file["record"][()].tobytes()
    assert b"pickle" not in saved
    assert saved.startswith(f"pinnsiren record, format {FORMAT}".encode())


def test_same_record_same_bytes(path: Path, saved: bytes) -> None:
    write(path, RECORD)
    assert path.read_bytes() == saved


@pytest.mark.parametrize("part", range(20))
def test_truncated(path: Path, saved: bytes, part: int) -> None:
    path.write_bytes(saved[: len(saved) * part // 20])
    with pytest.raises(StorageError, match=r"solution\.h5: (truncated: \d+ of \d+ bytes|not an HDF5 file)"):
        read(path)


def test_flipped_bytes(path: Path, saved: bytes) -> None:
    generator = np.random.default_rng(0)
    refused = 0
    for place in [*range(0, 120, 3), *generator.integers(0, len(saved), 100).tolist()]:
        path.write_bytes(saved[:place] + bytes([saved[place] ^ int(generator.integers(1, 256))]) + saved[place + 1:])
        try:
            assert same(read(path), RECORD)
        except StorageError as error:
            assert "solution.h5" in str(error)
            refused += 1
    assert refused > 100


def test_foreign_files(path: Path) -> None:
    path.write_bytes(b"\x93NUMPY" * 100)
    with pytest.raises(StorageError, match="not an HDF5 file"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(StorageError, match="not an HDF5 file"):
        read(path)
    path.unlink()
    with h5py.File(path, "w") as file:
        file["temperature"] = np.zeros(3)
    with pytest.raises(StorageError, match="an HDF5 file that pinnsiren did not write"):
        read(path)
    with pytest.raises(StorageError, match="nowhere.h5 cannot be read: No such file"):
        read(path.with_name("nowhere.h5"))
    with pytest.raises(StorageError, match="cannot be read: Is a directory"):
        read(path.parent)


def test_newer_format(path: Path, saved: bytes) -> None:
    path.write_bytes(saved.replace(b"format 1,", b"format 7,", 1))
    with pytest.raises(StorageError, match=r"its format is 7, .* knows formats up to 1\. Install a newer"):
        read(path)


def forged(path: Path, build: Callable[[h5py.File], None]) -> Path:
    """A file with a right checksum and a content that write() would not have made."""
    with h5py.File(path, "w") as file:
        build(file)
    body = path.read_bytes()
    header = f"pinnsiren record, format {FORMAT}, {len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()}\n"
    path.write_bytes(header.encode().ljust(USER_BLOCK, b"\0") + body)
    return path


def text(content: str) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset("record", data=np.frombuffer(content.encode(), np.uint8))


@pytest.mark.parametrize(("content", "message"), [
    ("", "holds what pinnsiren does not write"),
    ("[]", "holds what pinnsiren does not write"),
    ("{}", "holds what pinnsiren does not write"),
    ("[" * 100_000, "holds what pinnsiren does not write"),
    ('{"expressions": [], "record": 3}', "its record is not a dict"),
    ('{"expressions": [["system", "ls"]], "record": {}}', "'system' is not a class"),
    ('{"expressions": [], "record": {"n": ' + "9" * 5000 + "}}", "holds what pinnsiren does not write"),
    ('{"expressions": [], "record": {"a": {"$": "object", "class": "Popen", "attributes": {"args": "ls"}}}}',
     r"record\['a'\]: 'Popen' is not a class that a file may name"),
    ('{"expressions": [], "record": {"a": {"$": "object", "class": "Box", "attributes": {"extent": 1}}}}',
     r"record\['a'\]: Box was given 1"),
    ('{"expressions": [], "record": {"a": {"$": "object", "class": "Box", "attributes": {"ls": 1}}}}',
     r"a Box has the attributes \['extent', 'periodic'\], not \['ls', 'periodic'\]"),
    ('{"expressions": [], "record": {"a": {"$": "object"}}}', r"record\['a'\] is not valid"),
    ('{"expressions": [], "record": {"a": {"$": "pickle"}}}', r"record\['a'\] is not valid"),
    ('{"expressions": [], "record": {"a": {"$": "array", "number": 0}}}', r"record\['a'\] is not valid"),
    ('{"expressions": [], "record": {"a": {"$": "array", "number": -1}}}', "not the number of an array"),
    ('{"expressions": [], "record": {"a": {"$": "mapping", "items": [[[1], 2]]}}}', r"record\['a'\] is not valid"),
    ('{"expressions": [], "record": {"a": {"$": [], "number": 0}}}', r"record\['a'\] is not valid"),
])
def test_hostile_record(path: Path, content: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        read(forged(path, text(content)))


EMPTY = text('{"expressions": [], "record": {}}')


def _huge(file: h5py.File) -> None:
    EMPTY(file)
    file.create_dataset("arrays/0", shape=(10**12,), dtype="f8", chunks=(10**6,))


def _external(file: h5py.File) -> None:
    EMPTY(file)
    file.create_dataset("arrays/0", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def _linked(file: h5py.File) -> None:
    EMPTY(file)
    file["arrays/0"] = h5py.ExternalLink("other.h5", "/record")


def _texts(file: h5py.File) -> None:
    EMPTY(file)
    file["arrays/0"] = "text"


@pytest.mark.parametrize(("build", "message"), [
    (lambda file: None, "holds what pinnsiren does not write"),
    (lambda file: file.create_group("record"), "record is not an array of numbers"),
    (_huge, r"arrays/0 claims 8000000000000 bytes, more than the file can hold"),
    (_external, "arrays/0 is kept in another file"),
    (_linked, "holds what pinnsiren does not write|kept in another file"),
    (_texts, "arrays/0 is not an array of numbers"),
])
def test_hostile_hdf5(path: Path, build: Callable[[h5py.File], None], message: str) -> None:
    with pytest.raises(StorageError, match=message):
        read(forged(path, build))


class Unknown:
    pass


@pytest.mark.parametrize(("value", "message"), [
    ([1, {"a": Unknown()}], r"record\['value'\]\[1\]\['a'\] is a Unknown, which a file cannot hold"),
    (np.array([object()]), "array of object; expected real"),
    ({1, 2}, "is a set, which"),
    ([10**5000], "too long to write"),
    (sympy.Function("f")(x), "holds f, which"),
])
def test_what_a_record_cannot_hold(path: Path, saved: bytes, value: Any, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        write(path, {"value": value})
    assert path.read_bytes() == saved
    assert list(path.parent.iterdir()) == [path]


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written: No such file or directory. Make the folder"):
        write(tmp_path / "missing" / "solution.h5", RECORD)
    with pytest.raises(StorageError, match="It is a folder; give the name of a file in it"):
        write(tmp_path, RECORD)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_read_only_folder(path: Path, saved: bytes) -> None:
    path.parent.chmod(0o500)
    with pytest.raises(StorageError, match="is read-only; choose another"):
        write(path, {"new": 1})
    path.parent.chmod(0o700)
    assert path.read_bytes() == saved


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_keeps_the_older_file(path: Path, saved: bytes, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[step], full)
    with pytest.raises(StorageError, match="No space left on device. Make room on the disk"):
        write(path, {"new": 1})
    assert path.read_bytes() == saved
    assert list(path.parent.iterdir()) == [path]


def test_disk_that_fills_up(path: Path, saved: bytes) -> None:
    """The kernel stops the write after 4 kB, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(StorageError, match="cannot be written: File too large. Make room"):
            write(path, RECORD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == saved
    assert list(path.parent.iterdir()) == [path]


KILLED = """
    import os, signal, sys
    import numpy as np
    from pinnsiren.storage import write
    real = getattr(os, "fsync")
    def killed(number):
        if sys.argv[2] == "after":
            real(number)
        os.kill(os.getpid(), signal.SIGKILL)
    os.fsync = killed
    write(sys.argv[1], {"new": np.zeros(100_000)})
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_kill_during_save_keeps_the_older_file(path: Path, saved: bytes, moment: str) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path), moment], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == saved
    assert same(read(path), RECORD)
