"""One record in one HDF5 file: written whole or not at all, and read only when every byte is as it was written.

The first 512 bytes are HDF5's user block: a line of text with the format, the size and the SHA-256 of what follows.
A truncated or damaged file is so recognised before anything is parsed, and ``h5dump`` and ``h5py`` read it as it is.
"""

import hashlib
import io
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pinnsiren.errors import StorageError
from pinnsiren.storage.expressions import read_expressions
from pinnsiren.storage.record import RecordReader, RecordWriter

FORMAT = 1
USER_BLOCK = 512
SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of every HDF5 file, at its start or after its user block
HEADER = re.compile(rb"pinnsiren record, format (\d{1,9}), (\d{1,18}) bytes, sha256 ([0-9a-f]{64})\n")
SMALL = 256  # numbers; an array of fewer is not worth compressing
DEFLATE_LIMIT = 1100  # deflate never shrinks by more than 1032: an array that claims more is not in the file


def write(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Write a record to an HDF5 file, replacing an older one only when the new one is complete on disk.

    Args:
        path: the file; its folder has to exist.
        record: see :class:`~pinnsiren.storage.record.RecordWriter`; arrays keep their dtype and shape.

    Raises:
        StorageError: a value that a file cannot hold, or a folder or disk that cannot be written. The previous file is
            then as it was.
    """
    content = _image(record)
    _record(content)  # what could not be read back is refused while the older file is still there
    digest = hashlib.sha256(content).hexdigest()
    header = f"pinnsiren record, format {FORMAT}, {len(content)} bytes, sha256 {digest}\n".encode()
    target = Path(path).resolve()
    # in the same folder, because a rename is atomic only within one file system
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    if target.exists() and not target.is_file() and not target.is_dir():  # a rename would replace a device
        raise StorageError(f"{path} cannot be written: it is a device. Give the name of a file.")
    try:
        with temporary.open("xb") as file:
            file.write(header.ljust(USER_BLOCK, b"\0") + content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}. {_advice(target)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Find out before a long computation, not after, that a file could not be written.

    Raises:
        StorageError: there is no such folder, it is read-only, or the name is that of a folder.
    """
    target = Path(path).resolve()
    if target.is_dir() or not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written. {_advice(target)}")


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The record of a file that :func:`write` wrote.

    Raises:
        StorageError: no such file; not HDF5; HDF5 of another program; truncated, damaged or of a newer format; or a
            content that pinnsiren would not have written.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}. Give a file that "
                           "solution.save(path) or solve(…, checkpoint=path) wrote.") from error
    try:
        return _record(_verified(content))
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from error
    # h5py says RuntimeError or OSError, json ValueError or RecursionError, of a content that was made to fail
    except (OSError, RuntimeError, TypeError, ValueError, AttributeError, LookupError, MemoryError) as error:
        raise StorageError(f"{path} holds what pinnsiren does not write ({str(error)[:200]}).") from error


def _advice(target: Path) -> str:
    folder = target.parent
    if target.is_dir():
        return "It is a folder; give the name of a file in it."
    if not folder.is_dir():
        return f"Make the folder {folder} first."
    if not os.access(folder, os.W_OK):
        return f"The folder {folder} is read-only; choose another."
    return "Make room on the disk or choose another folder; a previous file is as it was."


def _image(record: Mapping[str, Any]) -> bytes:
    """The bytes of an HDF5 file, built in memory: a full disk then meets one plain write, not the HDF5 library."""
    writer = RecordWriter()
    tree = writer.encode(dict(record))
    try:
        text = json.dumps({"expressions": writer.expressions.rows, "record": tree}, allow_nan=False)
    except ValueError as error:  # Python's own bound on the digits of an integer
        raise StorageError(f"the record holds a whole number that is too long to write ({error}).") from error
    with h5py.File("record", "w", driver="core", backing_store=False) as file:
        file.attrs["program"] = "pinnsiren"
        file.attrs["format"] = FORMAT
        file.create_dataset("record", data=np.frombuffer(text.encode(), np.uint8), compression="gzip")
        for number, array in enumerate(writer.arrays):
            packed = {"compression": "gzip", "shuffle": True} if array.size >= SMALL else {}
            file.create_dataset(f"arrays/{number}", data=array, **packed)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _verified(content: bytes) -> bytes:
    header = HEADER.match(content)
    if header is None:
        if content[:8] == SIGNATURE or content[USER_BLOCK:][:8] == SIGNATURE:
            raise StorageError("an HDF5 file that pinnsiren did not write, or whose first line was changed. "
                               "Give a file that solution.save(path) wrote.")
        raise StorageError("not an HDF5 file. Give a file that solution.save(path) wrote.")
    version, size, body = int(header[1]), int(header[2]), content[USER_BLOCK:]
    if version > FORMAT:
        raise StorageError(f"its format is {version}, and this pinnsiren knows formats up to {FORMAT}. "
                           "Install a newer pinnsiren.")
    if len(body) < size:
        raise StorageError(f"truncated: {len(body)} of {size} bytes are there. Copy it again from where it was saved.")
    if len(body) > size or hashlib.sha256(body).hexdigest().encode() != header[3]:
        raise StorageError("damaged: its checksum does not fit its content. Copy it again from where it was saved.")
    return body


def _record(body: bytes) -> dict[str, Any]:
    with h5py.File(io.BytesIO(body), "r") as file:
        tree = json.loads(_array(file, "record", len(body)).tobytes())
        count = len(file["arrays"]) if "arrays" in file else 0
        arrays = [_array(file, f"arrays/{number}", len(body)) for number in range(count)]
    record = RecordReader(arrays, read_expressions(tree["expressions"], arrays)).decode(tree["record"])
    if not isinstance(record, dict):
        raise StorageError("its record is not a dict")
    return record


def _array(file: h5py.File, name: str, limit: int) -> np.ndarray[Any, Any]:
    dataset = file[name]
    if not (isinstance(dataset, h5py.Dataset) and dataset.dtype.kind in "biufc"):
        raise StorageError(f"{name} is not an array of numbers")
    if dataset.is_virtual or dataset.external or dataset.file != file:
        raise StorageError(f"{name} is kept in another file")
    if dataset.nbytes > DEFLATE_LIMIT * limit:
        raise StorageError(f"{name} claims {dataset.nbytes} bytes, more than the file can hold")
    array: np.ndarray[Any, Any] = dataset[()]
    return array
