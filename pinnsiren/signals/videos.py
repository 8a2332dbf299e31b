"""Videos as functions of x, y and time: reading and writing them through imageio."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals.bands import band
from pinnsiren.signals.images import COLOURS, GREY, resized
from pinnsiren.signals.samples import of_scikit_image

Array = NDArray[np.float64]

RATE = 10.0  # frames a second where a file does not say
DEPTH = 255.0


@dataclass(frozen=True, eq=False)
class Video:
    """Frames at even times: frame k is at the time k / rate; x points right, y up, the longer side fills [−1, 1].

    Args:
        name: of its source.
        rate: frames a second, Hz.
        values: (frames, rows, columns) or (frames, rows, columns, 3) float64; 0 is black and 1 the brightest that the file
            can hold.
    """

    name: str
    rate: float
    values: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, rows and columns."""
        frames, rows, columns = self.values.shape[:3]
        return frames, rows, columns

    @property
    def points(self) -> Array:
        """The pixels (n, 3), x and y dimensionless and the time in seconds, frame by frame in the order of the rows."""
        frames, rows, columns = self.shape
        side = 2 / max(rows, columns)
        y = rows * side * (0.5 - (np.arange(rows) + 0.5) / rows)
        x = columns * side * ((np.arange(columns) + 0.5) / columns - 0.5)
        t, y, x = np.meshgrid(np.arange(frames) / self.rate, y, x, indexing="ij")
        return np.stack([x.ravel(), y.ravel(), t.ravel()], axis=1)

    @property
    def channels(self) -> dict[str, Array]:
        """The values (n,) in the order of ``points``: "grey", or "red", "green" and "blue"."""
        if self.values.ndim == 3:
            return {"grey": self.values.ravel()}
        return {name: self.values[..., i].ravel() for i, name in enumerate(COLOURS)}

    @property
    def band(self) -> tuple[float, float, float]:
        """Angular frequencies along x, y and time, radians per half of each length, that hold 95 % of the energy."""
        x, y, t = band(self.values, (2, 1, 0))
        return x, y, t

    def like(self, values: Array) -> "Video":
        """A video with other values of the same pixels."""
        return Video(self.name, self.rate, np.asarray(values, dtype=np.float64).reshape(self.values.shape))

    def save(self, path: str | Path) -> None:
        """Write a GIF, or with ``pip install pinnsiren[signals]`` an MP4; values below 0 and above 1 are cut off.

        Raises:
            StorageError: it cannot be written, or nothing is there that knows the format.
        """
        eight = np.round(DEPTH * np.clip(self.values, 0, 1)).astype(np.uint8)
        try:
            if Path(path).suffix == ".gif":
                first, *others = [PIL.Image.fromarray(frame) for frame in eight]
                first.save(path, save_all=True, append_images=others, duration=round(1000 / self.rate), loop=0)
            else:
                _imageio().imwrite(path, eight, fps=self.rate, codec="libx264", plugin="pyav")
        except (OSError, ValueError, ImportError, DataError) as error:
            raise StorageError(f"the video cannot be written to {path} ({error}); give a path ending in .gif.") from error


def read_video(source: str | Path, size: int | None = None, frames: int | None = None, *, colour: bool = True) -> Video:
    """Read a video, from its first frame on.

    Args:
        source: "clip" (a film of the seventies, 24 frames), which ships inside scikit-image; or a GIF, MP4 or another file that
            imageio reads.
        size: pixels along the longer side, by averaging areas; None for those of the file.
        frames: how many; None for all.
        colour: keep red, green and blue; False turns to grey.

    Raises:
        DataError: a file that is missing, unreadable, or has fewer than two frames; one that is constant; frames of different
            sizes; imageio is not there.
    """
    path = of_scikit_image("no_time_for_that_tiny.gif") if source == "clip" else Path(source)
    if path is None:
        raise DataError("the video 'clip' ships inside scikit-image; pip install pinnsiren[signals], or give a file.")
    raw, rate = _read(path, source)
    raw = raw if frames is None else raw[:frames]
    if len(raw) < 2:
        raise DataError(f"{source} has {len(raw)} frames; expected two or more. One picture is for read_image.")
    values = np.stack([resized(np.asarray(frame, dtype=np.float64), size) for frame in raw]) / DEPTH
    if np.ptp(values) == 0:
        raise DataError(f"{source} is {values.flat[0]:g} everywhere; give one with contrast.")
    return Video(str(source), rate, values if colour else values @ np.array(GREY))


def _read(path: Path, source: str | Path) -> tuple[list[Any], float]:
    """Frames (rows, columns, 3) of eight bits, and how many there are in a second."""
    imageio = _imageio()
    try:
        plugin = "pillow" if path.suffix.lower() == ".gif" else "pyav"
        raw = [np.asarray(f) for f in imageio.imiter(path, plugin=plugin)]
        told = imageio.immeta(path, plugin=plugin, exclude_applied=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no video {str(source)!r}; give 'clip' or the path of a GIF or MP4 file.") from error
    except (OSError, ValueError, SyntaxError, EOFError, ImportError) as error:
        raise DataError(f"{str(source)!r} cannot be read as a video ({' '.join(str(error).split())}); expected a GIF, or with "
                        "pip install pinnsiren[signals] an MP4 or another film.") from error
    if len({frame.shape for frame in raw}) > 1:
        raise DataError(f"{source} has frames of the shapes {sorted({f.shape for f in raw})}; expected one size.")
    coloured = [np.repeat(f[:, :, None], 3, axis=2) if f.ndim == 2 else f[:, :, :3] for f in raw]
    pause = float(told.get("duration") or 0)  # milliseconds of a GIF's frame; of films, all of its seconds
    rate = float(told["fps"]) if told.get("fps") else (1000 / pause if pause > 0 else RATE)
    return coloured, rate


def _imageio() -> Any:
    try:
        import imageio.v3 as imageio
    except ImportError as error:
        raise DataError("videos are read by imageio; pip install pinnsiren[signals].") from error
    return imageio
