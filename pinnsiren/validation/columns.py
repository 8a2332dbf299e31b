"""Named columns of numbers from a CSV, NPZ or HDF5 file."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np

from pinnsiren.errors import DataError
from pinnsiren.validation.reference import Array

Columns = Mapping[str, Array]


def read_columns(path: Path) -> Columns:
    """Every array of a file by its name. Of CSV the first line that does not start with # holds the names.

    Raises:
        DataError: no such file, another kind of file, or entries that are not numbers.
    """
    readers: Mapping[str, Callable[[Path], Columns]] = {
        ".csv": _read_csv, ".npz": _read_npz, ".h5": _read_hdf5, ".hdf5": _read_hdf5}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"the table {path} is no {', '.join(readers)} file; save it as one of these.")
    try:
        return reader(path)
    except (OSError, KeyError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"the table {path} cannot be read: {error}. Give a {path.suffix} file of numbers.") from error


def _read_csv(path: Path) -> Columns:
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [row for row in csv.reader(line for line in file if line.strip() and not line.lstrip().startswith("#")) if row]
    if len(lines) < 2:
        raise DataError(f"the table {path} has {len(lines)} lines; expected one of names and at least one of numbers.")
    names, rows = [n.strip() for n in lines[0]], lines[1:]
    numbers = np.empty((len(rows), len(names)))
    for i, row in enumerate(rows):
        try:
            numbers[i] = [float(entry) for entry in row]
        except ValueError as error:
            raise DataError(f"the table {path} holds {row} in row {i}, counted from 0; expected {len(names)} numbers, for "
                            f"{', '.join(names)} ({error}).") from None
    return dict(zip(names, numbers.T, strict=True))


def _read_npz(path: Path) -> Columns:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except ValueError as error:  # arrays of Python objects, or another kind of file
        raise DataError(f"the table {path} cannot be read: {error}.") from error


def _read_hdf5(path: Path) -> Columns:
    with h5py.File(path, "r") as file:
        return {name: np.asarray(item) for name, item in file.items() if isinstance(item, h5py.Dataset)}
