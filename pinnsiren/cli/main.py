"""What may be typed, and how errors reach the terminal: one line and exit code 2, or a traceback with ``--debug``."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from pinnsiren.checkpoint import CheckpointWarning
from pinnsiren.cli import commands
from pinnsiren.errors import PinnsirenError, SolveError
from pinnsiren.solve import ProblemWarning

BAD_INPUT = 2
INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


class OneLineParser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what was typed, ``sys.argv[1:]`` by default.
    Returns:
        0: done, and for solve and validate confirmed; 1: solved but not validated; 2: bad input or no room to write.
    """
    given = parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ProblemWarning)
            warnings.simplefilter("always", CheckpointWarning)
            warnings.showwarning = _show_warning  # put back when the block ends
            return _run(given)
    except (PinnsirenError, OSError) as error:
        if given.debug:
            raise
        _tell(error, everywhere=True)
        return BAD_INPUT
    except KeyboardInterrupt:
        _tell("interrupted")
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = OneLineParser(prog="pinnsiren", description="Solve boundary-value problems by neural fields, and say how "
                                                      "far to trust the result.")
    debug = OneLineParser(add_help=False)
    debug.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    verbs.add_parser("list", parents=[debug], help="the problems of the catalogue and their settings")
    _add_solve(verbs.add_parser("solve", parents=[debug], help="solve a problem, validate it, write all to a folder"))
    _add_paper(verbs.add_parser("paper", parents=[debug], help="the SIREN paper's experiments, methods side by side"))
    for name, text in (("validate", "judge a saved solution against a reference"), ("plot", "draw a saved solution")):
        verb = verbs.add_parser(name, parents=[debug], help=text)
        verb.add_argument("folder", metavar="DIR", type=Path, help="a folder that `pinnsiren solve --out DIR` wrote")
    return top


def _add_solve(solve: argparse.ArgumentParser) -> None:
    what = solve.add_mutually_exclusive_group(required=True)
    what.add_argument("problem", metavar="NAME", nargs="?", help="a catalogue problem, or path/to/file.py:function")
    what.add_argument("--resume", metavar="FILE", type=Path, help="go on from a checkpoint instead")
    solve.add_argument("--out", metavar="DIR", type=Path, required=True,
                       help="the folder for the solution, its pictures and its report")
    solve.add_argument("--set", metavar="NAME=VALUE", action="append", dest="settings",
                       help="an argument of the problem's function or one of its parameters; may be repeated")
    solve.add_argument("--seed", type=_natural, help="same seed, same machine: same result (default 0)")
    solve.add_argument("--device", help="such as cpu or cuda (default: chosen)")
    solve.add_argument("--dtype", choices=commands.DTYPES, help="of the network (default: chosen)")
    solve.add_argument("--max-time", metavar="SECONDS", type=_seconds, help="stop after this time with the best so far")
    solve.add_argument("--target", metavar="ERROR", type=_positive,
                       help="stop at this estimated relative error (default: chosen by the problem's tolerance)")
    solve.add_argument("--checkpoint", metavar="FILE", type=Path,
                       help="write what --resume FILE goes on from (with --resume by default to the same file)")
    solve.add_argument("--checkpoint-every", metavar="SECONDS", type=_seconds, default=60.0, help="(default 60)")
    solve.add_argument("--no-validate", action="store_true", help="skip the reference solution and the report")


def _add_paper(paper: argparse.ArgumentParser) -> None:
    paper.add_argument("experiments", metavar="NAME", nargs="*", help="which (default: all, forty minutes on two cores)")
    paper.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder for the table and the pictures")
    paper.add_argument("--set", metavar="NAME=VALUE", action="append", dest="settings",
                       help="a setting of the one experiment that is named; may be repeated")


def _run(given: argparse.Namespace) -> int:
    match given.command:
        case "list":
            return commands.list_problems()
        case "solve":
            running = commands.Running(given.device, given.max_time, given.checkpoint, given.checkpoint_every,
                                       validated=not given.no_validate)
            if given.resume is not None:
                _require_nothing_else(given)
                return commands.resume_solve(given.resume, given.out, running)
            return commands.solve_problem(given.problem, given.settings or [], given.out, seed=given.seed or 0,
                                          dtype=given.dtype, target=given.target, running=running)
        case "paper":
            return commands.compare_experiments(given.experiments, given.settings or [], given.out)
        case "validate":
            return commands.validate_folder(given.folder)
        case _:
            return commands.plot_folder(given.folder)


def _require_nothing_else(given: argparse.Namespace) -> None:
    """Refuse what a checkpoint has settled.

    Raises:
        SolveError: naming it.
    """
    for name, value in (("set", given.settings), ("seed", given.seed), ("dtype", given.dtype), ("target", given.target)):
        if value is not None:
            raise SolveError(f"--{name} is settled by the checkpoint {given.resume}; leave it out, or solve anew.")


def _tell(message: object, *, everywhere: bool = False) -> None:
    """One line on stderr, by the first of several processes or by each of them."""
    if commands.is_first() or everywhere:
        name = "" if commands.is_first() else f"process {commands.rank()}: "
        print(f"pinnsiren: {name}{' '.join(str(message).split())}", file=sys.stderr)


def _show_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int,
                  file: TextIO | None = None, line: str | None = None) -> None:
    _tell(f"warning: {message}")


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number >= 0")
    return int(text)


def _seconds(text: str) -> float:
    return _positive(text, "a number of seconds")


def _positive(text: str, what: str = "a number") -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not {what} > 0")
    return value
