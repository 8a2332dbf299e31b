"""A sound as a field of time: the networks of the paper side by side."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pinnsiren.domains import PointSet
from pinnsiren.equations.signals import fit_audio
from pinnsiren.experiments.experiment import Experiment, Row
from pinnsiren.experiments.fitting import Fit, Training, fits, rows
from pinnsiren.sampling import Array
from pinnsiren.signals import Sound, read_sound
from pinnsiren.solution import Solution

OMEGA0 = 3000.0  # of the first layer: the paper scales time to [−100, 100] and takes 30
PUBLISHED = "MSE 1.1e-5 (a cello suite, 7 s), 3.8e-4 (voice), SIREN after 9 000 steps; second-hand"
SHOWN = 0.02  # seconds of the wave in the picture
DPI = 150


def compare(folder: Path, sound: str = "prelude", duration: float = 1.0, start: float = 0.0, seconds: float = 30.0,
            iterations: int | None = None, batch: int | None = 4096, width: int = 256, layers: int = 4,
            seed: int = 0) -> list[Row]:
    """A sound through the same networks; full: duration=7 batch=none iterations=9000.

    Args:
        folder: for fit_audio.png.
        sound: "prelude" or a WAV file; duration, start: the part of it, seconds.
        seconds, iterations, batch, width, layers, seed: of each network's training.
    """
    recording = read_sound(sound, duration, start)
    problem = fit_audio(sound, duration, start)
    found = fits(problem, recording, Training(seconds, iterations, batch, width, layers, seed), omega0=OMEGA0,
                 octaves=max(1, round(np.log2(len(recording.points))) - 2))
    peak = float(np.abs(recording.values).max())
    _draw(folder / "fit_audio.png", {f.method: f.values for f in found}, recording)
    for f in found:
        recording.like(f.values).save(folder / f"{_file(f)}.wav")
    return rows("fit_audio", found, f"{sound}, {duration:g} s at {recording.rate:g} Hz", measure="MSE, the peak being 1",
                value=lambda v: float(np.mean((v - recording.values) ** 2)) / peak**2, published={"SIREN": PUBLISHED})


def show(solution: Solution, folder: Path) -> list[str]:
    """The sound as a WAV file, and a part of the wave."""
    problem = solution.problem
    region = problem.constraints[0].region
    assert isinstance(region, PointSet)
    given = np.stack([column for _, column in region.columns], axis=1)
    values = np.stack([solution(u, region.values) for u in problem.fields], axis=1)
    rate = float(round((len(region) - 1) / np.ptp(region.values[:, 0]), 6))
    recording = Sound(problem.name or "sound", rate, given)
    recording.like(values).save(folder / "sound.wav")
    _draw(folder / "picture.png", {"the field": values}, recording)
    error = float(np.mean((values - given) ** 2))
    noise = 10 * np.log10(float(np.mean(given**2)) / error) if error > 0 else np.inf
    return [f"MSE {error / float(np.abs(given).max()) ** 2:.2e}, the peak being 1 (signal to noise {noise:.0f} dB)",
            f"wrote sound.wav at {rate:g} samples a second, and picture.png"]


def _draw(path: Path, found: dict[str, Array], recording: Sound) -> None:
    """The loudest moment of the wave and of each fit, and their errors."""
    first = recording.values if recording.values.ndim == 1 else recording.values[:, 0]
    middle = int(np.abs(first).argmax())
    some = slice(max(0, middle - int(SHOWN * recording.rate / 2)), middle + int(SHOWN * recording.rate / 2))
    t = recording.points[some, 0]
    figure = Figure(figsize=(11, 1.7 * len(found) + 0.6), layout="constrained")
    axes = figure.subplots(len(found), 1, squeeze=False, sharex=True).ravel()
    for ax, (name, values) in zip(axes, found.items(), strict=True):
        column = (values if values.ndim == 1 else values[:, 0])[some]
        ax.plot(t, first[some], color="0.7", linewidth=2.5, label="given")
        ax.plot(t, column, color="C0", linewidth=0.9, label="field")
        ax.plot(t, column - first[some], color="C3", linewidth=0.9, label="difference")
        ax.set_ylabel(name.split(",")[0], fontsize="small")
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("time, s")
    axes[0].legend(frameon=False, ncols=3, fontsize="small", loc="upper right")
    figure.savefig(path, dpi=DPI)


def _file(found: Fit) -> str:
    """A method's name as one of a file."""
    return "".join(c if c.isalnum() else "_" for c in found.method.split("(")[0].strip())


EXPERIMENT = Experiment(compare, ("fit_audio",), show)
