"""Sounds as functions of time: reading and writing WAV files, and a piece to begin with."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from pinnsiren.errors import DataError, StorageError
from pinnsiren.signals.bands import band
from pinnsiren.signals.prelude import prelude

Array = NDArray[np.float64]

FEWEST = 16  # samples that are a sound


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording, sampled evenly: sample i is at the time i / rate.

    Args:
        name: of its source.
        rate: samples a second, Hz.
        values: (n,) or (n, channels) float64 in units of full scale: a file of 16 bits has −1 … 1 − 2⁻¹⁵.
    """

    name: str
    rate: float
    values: Array

    @property
    def points(self) -> Array:
        """The samples' times (n, 1), seconds."""
        return (np.arange(len(self.values)) / self.rate)[:, None]

    @property
    def seconds(self) -> float:
        """The length."""
        return len(self.values) / self.rate

    @property
    def channels(self) -> dict[str, Array]:
        """The values (n,): "mono", or "left" and "right", or "channel 1", …"""
        if self.values.ndim == 1:
            return {"mono": self.values}
        count = self.values.shape[1]
        names = ("left", "right") if count == 2 else tuple(f"channel_{i + 1}" for i in range(count))
        return dict(zip(names, self.values.T, strict=True))

    @property
    def band(self) -> tuple[float]:
        """The angular frequency in radians per half of the length that holds 95 % of the energy."""
        (along,) = band(self.values, (0,))
        return (along,)

    def like(self, values: Array) -> "Sound":
        """A sound with other values of the same samples."""
        return Sound(self.name, self.rate, np.asarray(values, dtype=np.float64).reshape(self.values.shape))

    def save(self, path: str | Path) -> None:
        """Write a WAV file of 32-bit floating-point numbers at the same rate, nothing clipped.

        Raises:
            StorageError: it cannot be written, or the rate is no whole number, which WAV files need.
        """
        if self.rate != round(self.rate):
            raise StorageError(f"a WAV file has a whole number of samples a second, and this sound {self.rate}; resample it.")
        try:
            wavfile.write(path, round(self.rate), self.values.astype(np.float32))
        except OSError as error:
            raise StorageError(f"the sound cannot be written to {path}: {error}.") from error


def read_sound(source: str | Path, seconds: float | None = None, start: float = 0.0) -> Sound:
    """Read a sound.

    Args:
        source: "prelude", the opening of Bach's first suite for violoncello (:func:`~pinnsiren.signals.prelude.prelude`); or a
            WAV file.
        seconds: how much of it; None for all.
        start: where to begin, seconds.

    Raises:
        DataError: a file that is missing, unreadable or empty; a rate of zero; samples that are constant or not finite; a part
            that is not there.
    """
    if not (start >= 0 and (seconds is None or seconds > 0)):
        raise DataError(f"the part of {seconds} s from {start} s was asked for; give seconds > 0 and start >= 0.")
    if source == "prelude":
        rate, values = 44_100, prelude(44_100)
    else:
        rate, values = _read(Path(source))
    if rate < 1:
        raise DataError(f"{source} says that it has {rate} samples a second; expected 1 or more: mend its header.")
    first = round(start * rate)
    part = values[first:] if seconds is None else values[first:first + round(seconds * rate)]
    if len(part) < FEWEST:
        raise DataError(f"the part of {source} from {start:g} s has {len(part)} samples of {len(values) / rate:g} s in all; "
                        f"expected at least {FEWEST}.")
    bad = np.argwhere(~np.isfinite(part))
    if len(bad):
        raise DataError(f"{source} has the sample {part[tuple(bad[0])]} at {(first + bad[0][0]) / rate:g} s ({len(bad)} such "
                        "samples); expected finite numbers: mend the file.")
    if np.ptp(part, axis=0).max() == 0:
        raise DataError(f"{source} is silent from {start:g} s on ({part.flat[0]:g} throughout); give a part with sound.")
    return Sound(str(source), float(rate), part)


def _read(path: Path) -> tuple[int, Array]:
    """The rate, and samples in units of full scale."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that hold no sound, such as titles
            rate, raw = wavfile.read(path)
    except FileNotFoundError as error:
        raise DataError(f"there is no sound {str(path)!r}; give 'prelude' or the path of a WAV file.") from error
    except (OSError, ValueError, EOFError, ArithmeticError, UnboundLocalError, struct.error) as error:  # damaged headers
        raise DataError(f"{str(path)!r} cannot be read as a sound ({error}); expected a whole WAV file. Other formats can be "
                        "turned into one: ffmpeg -i FILE sound.wav") from error
    if raw.dtype == np.uint8:
        return rate, (raw.astype(np.float64) - 128) / 128
    scale = 1.0 if raw.dtype.kind == "f" else -float(np.iinfo(raw.dtype).min)
    return rate, raw.astype(np.float64) / scale
