"""What each command does. A folder holds solution.h5, history.csv, solution.png and report.html, .png, .json."""

import csv
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from pinnsiren.cli.problems import arguments_of, describe, make_problem, settings_for
from pinnsiren.equations import catalogue
from pinnsiren.errors import PinnsirenError, ProblemError, ReferenceError, StorageError
from pinnsiren.experiments import Row, experiments, show
from pinnsiren.solution import History, Solution, load
from pinnsiren.solve import resume, solve
from pinnsiren.validation import validate

DTYPES = ("float32", "float64")
OK, NOT_VALIDATED = 0, 1
SOLUTION = "solution.h5"
DPI = 150
WIDTH = 140  # characters, of tables that are not written to a terminal


def list_problems() -> int:
    """Print the catalogue and the experiments as tables."""
    makers = {name: e.compare for name, e in experiments().items()}
    for what, known in (("problem", dict(catalogue())), ("experiment (pinnsiren paper)", makers)):
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(what, no_wrap=True)
        table.add_column("what it is")
        table.add_column("settings")
        for name, maker in known.items():
            table.add_row(name, describe(maker), arguments_of(maker))
        _print(table)
    return OK


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, markup=False).print(table)


@dataclass(frozen=True)
class Running:
    """How a solve runs, whatever it solves.

    Args:
        checkpoint: the file to go on from later, written every so many seconds; None for none.
    """

    device: str | None = None
    max_time: float | None = None
    checkpoint: Path | None = None
    checkpoint_every: float = 60.0
    validated: bool = True


def solve_problem(name: str, settings: Sequence[str], out: Path, *, seed: int, dtype: str | None, target: float | None,
                  running: Running) -> int:
    """Solve a problem, write what came out to a folder, and validate it unless told not to.

    An experiment that is no single problem is run instead, as by ``pinnsiren paper``.

    Of the processes that torchrun starts all solve, and the first one prints, writes and validates.

    Raises:
        PinnsirenError: bad input, found before the solve where that can be; a folder that cannot be written.
    """
    if name in experiments() and name not in catalogue():  # one that is no single problem
        return compare_experiments([name], settings, out)
    problem = make_problem(name, settings)
    if is_first():
        _require_writable(out)
    solution = solve(problem, seed=seed, device=running.device, dtype=getattr(torch, dtype) if dtype else None,
                     max_time=running.max_time, target=target, progress=sys.stderr.isatty(), checkpoint=running.checkpoint,
                     checkpoint_every=running.checkpoint_every)
    return _finish(solution, out, validated=running.validated)


def compare_experiments(names: Sequence[str], settings: Sequence[str], out: Path) -> int:
    """Run the paper's experiments, print their table, and write it to table.md, table.json and pictures in a folder.

    Each experiment's rows are written when they are there. One that fails does not keep the others from running.

    Raises:
        ProblemError: an unknown name, or settings for more than one experiment.
    """
    known = experiments()
    strange = [n for n in names if n not in known]
    if strange:
        raise ProblemError(f"there is no experiment '{strange[0]}'; there are {', '.join(known)}.")
    if settings and len(names) != 1:
        raise ProblemError("--set is for one experiment; name it: pinnsiren paper NAME --set …")
    given = {n: settings_for(known[n].compare, n, settings) for n in names or known}
    _require_writable(out)
    rows, code = [], OK
    for name, arguments in given.items():
        (out / name).mkdir(exist_ok=True)
        try:
            rows += known[name].compare(out / name, **arguments)
        except PinnsirenError as error:
            if len(given) == 1:
                raise
            print(f"pinnsiren: {name}: {error}", file=sys.stderr, flush=True)
            code = NOT_VALIDATED
        _write_rows(rows, out)
    _print_rows(rows)
    print(f"wrote {out / 'table.md'}, table.json and a folder of pictures for each experiment")
    return code


HEADS = ("experiment", "method", "setting", "measured", "seconds", "published")


def _told(row: Row) -> tuple[str, ...]:
    return row.experiment, row.method, row.setting, f"{row.value:.4g} ({row.measure})", f"{row.seconds:.0f}", row.published


def _print_rows(rows: Sequence[Row]) -> None:
    table = Table(*HEADS, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*_told(row))
    _print(table)


def _write_rows(rows: Sequence[Row], folder: Path) -> None:
    lines = [" | ".join(cells) for cells in (HEADS, ["---"] * len(HEADS), *map(_told, rows))]
    (folder / "table.md").write_text("".join(f"| {line} |\n" for line in lines), encoding="utf-8")
    (folder / "table.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def resume_solve(path: Path, out: Path, running: Running) -> int:
    """Go on from a checkpoint, and do with the solution what :func:`solve_problem` does.

    Raises:
        PinnsirenError: no checkpoint, or a folder that cannot be written.
    """
    if is_first():
        _require_writable(out)
    solution = resume(path, device=running.device, max_time=running.max_time, progress=sys.stderr.isatty(),
                      checkpoint=running.checkpoint, checkpoint_every=running.checkpoint_every)
    return _finish(solution, out, validated=running.validated)


def is_first() -> bool:
    """Whether this process is the only one, or the first of those that torchrun started."""
    return rank() == "0"


def rank() -> str:
    """This process's number among those that torchrun started."""
    return os.environ.get("RANK", "0")


def _finish(solution: Solution, out: Path, *, validated: bool) -> int:
    if not is_first():
        if solution.status.code == "failed":  # the first process may be the one that died
            print(f"pinnsiren: process {rank()}: {solution.status}", file=sys.stderr)
            return NOT_VALIDATED
        return OK  # what came out is the first one's to say: torchrun ends it when another exits with anything else
    if solution.status.code == "failed":
        print(f"pinnsiren: {solution.status}", file=sys.stderr, flush=True)
    solution.save(out / SOLUTION)
    print(f"{solution.status} {float(solution.settings['seconds']):.3g} seconds.")
    _write_history(solution.history, out / "history.csv")
    _draw(solution, out)
    for name, found in solution.unknowns.items():
        print(f"{name} = {found}")
    print(f"wrote {out / SOLUTION}, history.csv and solution.png")
    if validated and solution.status.code != "failed":
        return _validate(solution, out)
    return OK if solution.status.ok else NOT_VALIDATED


def validate_folder(folder: Path) -> int:
    """Judge the saved solution of a folder and write the report beside it."""
    solution = load(folder / SOLUTION)
    _require_writable(folder)
    return _validate(solution, folder)


def plot_folder(folder: Path) -> int:
    """Draw the saved solution of a folder to solution.png."""
    solution = load(folder / SOLUTION)
    _require_writable(folder)
    _draw(solution, folder)
    print(f"wrote {folder / 'solution.png'}")
    return OK


def _draw(solution: Solution, folder: Path) -> None:
    """The fields, and what they are besides: an image, a sound, a surface."""
    solution.plot().savefig(folder / "solution.png", dpi=DPI)
    try:
        for line in show(solution, folder):
            print(line)
    except PinnsirenError as error:  # a picture less: the solution is saved, and its report is still to come
        print(f"pinnsiren: not shown: {error}", file=sys.stderr, flush=True)


def _validate(solution: Solution, folder: Path) -> int:
    middle = {k.name: float(k.low + k.high) / 2 for k in solution.problem.ranges}
    if middle:
        print("validated at the middle of the range: " + ", ".join(f"{k} = {v:g}" for k, v in middle.items()))
    try:
        report = validate(solution.at(**middle) if middle else solution)
    except ReferenceError as error:
        print(f"pinnsiren: not validated: {error}", file=sys.stderr)
        return NOT_VALIDATED
    except KeyboardInterrupt:
        print("pinnsiren: the solution is saved, its validation was interrupted; "
              f"`pinnsiren validate {folder}` does it", file=sys.stderr)
        return NOT_VALIDATED
    print(report)
    report.to_html(folder / "report.html")
    report.plot().savefig(folder / "report.png", dpi=DPI)
    told = json.dumps(report.to_dict(), indent=2, allow_nan=False)
    (folder / "report.json").write_text(told + "\n", encoding="utf-8")
    print(f"wrote {folder / 'report.html'}, report.png and report.json")
    return OK if report.verdict == "confirmed" else NOT_VALIDATED


def _require_writable(folder: Path) -> None:
    """Find out before a long solve, not after, that its result could not be written."""
    probe = folder / ".pinnsiren-may-write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\0" * 4096)
        probe.unlink()
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}. Give --out a folder with room that is "
                           "yours.") from error


def _write_history(history: History, path: Path) -> None:
    residuals = history.residuals
    columns = (history.seconds, history.phases, history.loss, history.measure, *residuals.values())
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["iteration", "seconds", "phase", "loss", "measure", *(f"residual {name}" for name in residuals)])
        rows.writerows([k, *row] for k, row in enumerate(zip(*columns, strict=True), start=1))
