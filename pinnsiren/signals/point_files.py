"""Files of points and meshes as arrays: text by numpy, PLY, OBJ, STL and the like by trimesh."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pinnsiren.errors import DataError
from pinnsiren.sampling import Array

TEXT = (".xyz", ".txt", ".csv", ".pts", ".asc", ".xyzn")
COLUMNS = {2: "x y", 3: "x y z", 6: "x y z nx ny nz"}
SHIPPED = ("airplane", "ant", "nut")  # inside pyvista's wheel
_EXPECTED = f"expected points as text ({', '.join(TEXT)}), or a mesh or points as PLY, OBJ, STL or OFF"
_MESH = "pip install 'pinnsiren[mesh]'"
_VTK = "pip install 'pinnsiren[vtk]'"


@dataclass(frozen=True, eq=False)
class Found:
    """What a file holds.

    Args:
        points: (n, d), in its unit. normals: (n, d), or None.
        holes: edges of a mesh that have one triangle; 0 for points.
    """

    points: Array
    normals: Array | None
    holes: int = 0


def read_file(file: Path, samples: int, seed: int) -> Found:
    """Points of a file; ``samples`` of a mesh, drawn evenly by area.

    Raises:
        DataError: a file that is missing, empty or cannot be read, or a mesh without area.
    """
    if not isinstance(samples, int) or samples < 1:
        raise DataError(f"samples={samples!r}; give a whole number of points.")
    if not file.is_file():
        raise DataError(f"there is no file {file}; check its path.")
    if file.stat().st_size == 0:
        raise DataError(f"{file} is empty; {_EXPECTED}.")
    return _text(file) if file.suffix.lower() in TEXT else _by_trimesh(file, samples, seed)


def shipped_mesh(name: str) -> Path:
    """The file of a mesh that ships in pyvista's wheel: "airplane", "ant" or "nut". pyvista is not imported.

    Raises:
        DataError: pyvista is not installed.
    """
    spec = importlib.util.find_spec("pyvista")
    folders = [] if spec is None else [Path(f) for f in spec.submodule_search_locations or ()]
    for folder in folders:
        if (folder / "examples" / f"{name}.ply").is_file():
            return folder / "examples" / f"{name}.ply"
    raise DataError(f"the mesh '{name}' ships in pyvista, which is not installed; install it with {_VTK}.")


def load_mesh(file: Path) -> Any:
    """What trimesh reads: a Trimesh (several bodies joined), or a PointCloud.

    Raises:
        DataError: trimesh is not installed, or the file cannot be read.
    """
    try:
        import trimesh
    except ImportError:
        raise DataError(f"reading {file} needs trimesh; install it with {_MESH}, or give points as text: x y z "
                        "nx ny nz.") from None
    try:
        found: Any = trimesh.load(file)
        return found.to_geometry() if isinstance(found, trimesh.Scene) else found
    except Exception as error:  # a parser of damaged foreign files may raise anything
        raise DataError(f"{file} cannot be read ({type(error).__name__}: {error}); {_EXPECTED}.") from error


def _text(file: Path) -> Found:
    try:
        text = file.read_text(encoding="utf-8")
        lines = [line for line in text.replace(",", " ").splitlines() if line.strip() and not line.lstrip().startswith("#")]
        table = np.loadtxt(lines[1:] if lines and not _is_numbers(lines[0]) else lines, ndmin=2) if lines else np.empty((0, 3))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as rows of numbers ({error}); expected x y z or x y z nx ny nz in each "
                        "line.") from None
    if not len(table):
        raise DataError(f"{file} holds no point; {_EXPECTED}.")
    if table.shape[1] not in COLUMNS:
        raise DataError(f"{file} has {table.shape[1]} columns; expected {' or '.join(COLUMNS.values())}.")
    return Found(table[:, :3], table[:, 3:] if table.shape[1] == 6 else None)


def _is_numbers(line: str) -> bool:
    """Whether a line is data and not the names of columns."""
    try:
        return bool([float(word) for word in line.split()])
    except ValueError:
        return False


def _by_trimesh(file: Path, samples: int, seed: int) -> Found:
    geometry = load_mesh(file)
    vertices = np.asarray(geometry.vertices, dtype=float)
    faces = np.asarray(getattr(geometry, "faces", ()))
    if not len(vertices):
        raise DataError(f"{file} holds no point; {_EXPECTED}.")
    if not len(faces):
        return Found(vertices, _listed_normals(geometry, len(vertices)))
    if not np.isfinite(vertices).all():
        raise DataError(f"{file} has vertices that are not finite; expected real numbers.")
    if not geometry.area > 0:
        raise DataError(f"{file} has {len(faces)} triangles, whose area is 0; expected a surface.")
    import trimesh

    points, rows = trimesh.sample.sample_surface(geometry, samples, seed=seed)[:2]
    return Found(np.asarray(points), np.asarray(geometry.face_normals)[rows], open_edges(faces))


def open_edges(faces: Any) -> int:
    """Edges that only one of the triangles (m, 3) has: 0 for a closed surface."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return int((np.unique(edges, axis=0, return_counts=True)[1] == 1).sum())


def _listed_normals(geometry: Any, count: int) -> Array | None:
    """The columns nx, ny, nz of a PLY file of points, where it has them."""
    columns = geometry.metadata.get("_ply_raw", {}).get("vertex", {}).get("data")  # of ASCII a dict, of binary a record array
    known = () if columns is None else columns if isinstance(columns, dict) else columns.dtype.names or ()
    if not {"nx", "ny", "nz"} <= set(known):
        return None
    found = np.stack([np.asarray(columns[n], dtype=float).ravel() for n in ("nx", "ny", "nz")], axis=1)
    return found if len(found) == count else None
