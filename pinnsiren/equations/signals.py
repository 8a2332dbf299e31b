"""Signals as data: u = a(x) at the pixels of an image, the samples of a sound, the pixels of a video.

The simplest C(a(x), Φ) = 0: what is wanted is the field itself, a smooth function with all of its derivatives that has the
given values, from which others between and beside the samples can be asked for (Sitzmann et al., NeurIPS 2020, sec. 3 and 4).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sympy

from pinnsiren.domains import PointSet
from pinnsiren.equation import Constraint, Equation
from pinnsiren.errors import DataError
from pinnsiren.problem import Problem
from pinnsiren.signals.images import Image, read_image
from pinnsiren.signals.sounds import Sound, read_sound
from pinnsiren.signals.videos import Video, read_video
from pinnsiren.symbols import Data, Field, coordinates, laplacian

TOLERANCE = 0.02  # relative L2, about 40 dB on a photograph
FILLED = 0.2  # the same where values are left out, and cannot be known
SMOOTHING = 1e-2  # weight of Δu = 0 beside the data, where values are left out; from 1e-1 to 1e-4 little changes


def fit_image(image: str | Path = "photo", size: int = 256, colour: bool = True, square: bool = False, keep: float = 1.0,
              seed: int = 0) -> Problem:
    """The values of an image at its pixels; with keep < 1 at some of them, and the rest filled in smoothly.

    Args:
        image: "photo", "mri", "astronaut", "camera", "chelsea", "coffee" or the path of a file.
        size: pixels along the longer side.
        colour: one field for each of red, green and blue; False for one of grey.
        square: crop to the middle square.
        keep: share of the pixels that are given, drawn at random; of the others Δu = 0 is asked, with a small weight.
        seed: of the pixels that are kept.
    """
    return _fitted(read_image(image, size, colour=colour, square=square), coordinates("x y"), "fit_image", keep=keep, seed=seed)


def fit_audio(sound: str | Path = "prelude", seconds: float = 7.0, start: float = 0.0) -> Problem:
    """The samples of a sound, all at their own rate.

    Args:
        sound: "prelude" or the path of a WAV file.
        seconds, start: the part of it.
    """
    return _fitted(read_sound(sound, seconds, start), coordinates("t"), "fit_audio")


def fit_video(video: str | Path = "clip", size: int = 64, frames: int = 24, colour: bool = True) -> Problem:
    """The values of a video at all pixels of its frames.

    Args:
        video: "clip" or the path of a GIF or a film.
        size: pixels along the longer side.
        frames: how many, from the first.
        colour: one field for each of red, green and blue; False for one of grey.
    """
    return _fitted(read_video(video, size, frames, colour=colour), coordinates("x y t"), "fit_video")


def _fitted(signal: Image | Sound | Video, symbols: Sequence[sympy.Symbol], name: str, *, keep: float = 1.0,
           seed: int = 0) -> Problem:
    """u = a at the samples of a signal, for a field u of each channel; the exact solution is a itself.

    Args:
        symbols: the coordinates, in the order of ``signal.points``.
        keep, seed: see :func:`fit_image`.

    Raises:
        DataError: a share that is none, or leaves next to nothing.
    """
    points, channels = signal.points, signal.channels
    fields = [Field(c, *symbols) for c in channels]
    data = [Data(f"{c} given") for c in channels]
    whole = PointSet(symbols, points, dict(zip(data, channels.values(), strict=True)))
    values = Equation(fields, data, name="values")
    exact = dict(zip(fields, data, strict=True))
    if keep == 1.0:
        return Problem(values.on(whole), name=name, exact=exact, tolerance=TOLERANCE, remark=_told(signal, len(points)))
    if not 0 < keep <= 1 or keep * len(points) < 2:
        raise DataError(f"keep={keep} of {len(points)} samples; give a share above 0 and up to 1 that keeps some.")
    kept = np.sort(np.random.default_rng(seed).choice(len(points), round(keep * len(points)), replace=False))
    constraints: list[Constraint] = [values.on(whole.subset(kept)),
                                     Equation([laplacian(u) for u in fields], [0] * len(fields),
                                              name="smoothness").on(whole, weight=SMOOTHING)]
    return Problem(*constraints, name=name, exact=exact, tolerance=FILLED, compared=whole,
                   remark=f"{_told(signal, len(points))}; {len(kept)} of them given")


def _told(signal: Image | Sound | Video, count: int) -> str:
    """A signal's size, in words."""
    match signal:
        case Image():
            return f"{signal.shape[1]} × {signal.shape[0]} pixels"
        case Sound():
            return f"{count} samples, {signal.rate:g} a second"
        case Video():
            return f"{signal.shape[0]} frames of {signal.shape[2]} × {signal.shape[1]} pixels, {signal.rate:g} a second"
