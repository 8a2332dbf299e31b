"""The command line: what it writes, its exit codes, and one line for everything that a user can get wrong."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import pinnsiren as ps
from pinnsiren.cli import commands, main
from pinnsiren.cli.problems import make_problem
from pinnsiren.equations import catalogue
from pinnsiren.errors import ProblemError

PROBLEMS = '''
from typing import Literal
import sympy
import pinnsiren as ps
from neighbour import ONE

x, = ps.coordinates("x")
u = ps.Field("u", x)

def string(load: float = 1.0, *, ends: Literal["fixed", "free"] = "fixed", tolerance: float = 1e-3,
           note: str | None = None):
    """A loaded string: u'' = -k load on [0, 1]."""
    k = ps.Parameter("k", ONE)
    span = ps.Interval(x, 0, 1)
    exact = k * load * x * (1 - x) / 2
    return ps.Problem(ps.Equation(u.diff(x, 2), -k * load).on(span.interior), ps.Equation(u, 0).on(span.boundary),
                      name="string", exact={u: exact}, tolerance=tolerance)

def flag(loud: bool, count: int = 3, size: int | float = 1):
    assert isinstance(loud, bool) and isinstance(count, int)
    return string(count * size)

def conditional():
    a = ps.Parameter("a", 0.25)
    square = ps.Box({x: (0, 1)})
    return ps.Problem(ps.Equation(u, a).on(square.interior.where(x > a)), exact={u: a})

def fails():
    return 1 / 0

def wrong():
    return 3

def misplaced():
    return ps.Disc({x: 0}, 1)
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("problems")
    (folder / "neighbour.py").write_text("ONE = 1\n")
    (folder / "mine.py").write_text(PROBLEMS)
    (folder / "broken.py").write_text("import nothing_of_that_name\n")
    return str(folder / "mine.py")


@pytest.fixture(scope="module")
def solved(file: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "deep" / "string"
    assert main(["solve", f"{file}:string", "--set", "load=2", "--set", "k=3", "--seed", "5",
                 "--out", str(folder)]) == 0
    return folder


def test_solve_writes_solution_history_pictures_and_report(solved: Path) -> None:
    assert {p.name for p in solved.iterdir()} == {
        "solution.h5", "history.csv", "solution.png", "report.html", "report.png", "report.json"}
    solution = ps.load(solved / "solution.h5")
    u, = solution.problem.fields
    at = np.linspace(0, 1, 11)
    np.testing.assert_allclose(solution(u, at[:, None]), 3 * at * (1 - at), atol=1e-8)
    assert solution.seed == 5
    with (solved / "history.csv").open(newline="") as rows:
        history = list(csv.DictReader(rows))
    assert [float(h["loss"]) for h in history] == solution.history.loss.tolist()
    assert [float(h["residual interior"]) for h in history] == solution.history.residuals["interior"].tolist()
    assert [int(h["iteration"]) for h in history] == list(range(1, len(history) + 1))
    assert json.loads((solved / "report.json").read_text())["verdict"] == "confirmed"
    for picture in ("solution.png", "report.png"):
        assert (solved / picture).read_bytes().startswith(b"\x89PNG")


def test_validate_and_plot_a_saved_solution(solved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (solved / "report.json").read_text()
    for name in ("report.json", "report.html", "solution.png"):
        (solved / name).unlink()
    assert main(["validate", str(solved)]) == 0
    assert main(["plot", str(solved)]) == 0
    assert (solved / "report.json").read_text() == before
    assert (solved / "solution.png").exists()
    assert "CONFIRMED" in capsys.readouterr().out


def test_exit_code_1_when_solved_but_not_validated(file: str, tmp_path: Path) -> None:
    assert main(["solve", f"{file}:string", "--set", "tolerance=1e-30", "--out", str(tmp_path)]) == 1
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] != "confirmed"
    assert (tmp_path / "solution.h5").exists()


def test_no_validate_leaves_the_report_out(file: str, tmp_path: Path) -> None:
    assert main(["solve", f"{file}:string", "--no-validate", "--max-time", "60", "--dtype", "float64",
                 "--device", "cpu", "--out", str(tmp_path)]) == 0
    assert {p.name for p in tmp_path.iterdir()} == {"solution.h5", "history.csv", "solution.png"}


def test_interrupted_validation_keeps_the_solution(solved: Path, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    def stopped(_: Any) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "validate", stopped)
    assert main(["validate", str(solved)]) == 1
    assert f"`pinnsiren validate {solved}` does it" in capsys.readouterr().err


def test_list_shows_every_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert {"poisson_sine", "poisson_bump", "poisson_corner", "poisson_5d", "poisson_cubic"} <= set(catalogue())
    for name in catalogue():
        assert name in shown
    assert "width=0.2" in shown


def test_parameters_change_equations_conditions_and_the_exact_solution(file: str) -> None:
    problem = make_problem(f"{file}:conditional", ["a=0.75"])
    (_, exact), = problem.exact.items()
    assert exact.value == 0.75
    assert problem.constraints[0].region.sample(50).values.min() > 0.75
    assert problem.parameters[0].value == 0.75


def test_settings_are_read_as_their_annotations_say(file: str) -> None:
    for text in ("true", "Yes", "1", "off", "FALSE"):
        make_problem(f"{file}:flag", [f"loud={text}", "count=4"])
    doubled = make_problem(f"{file}:flag", ["loud=no", "size=0.5", "count=1"])
    assert doubled.exact == make_problem(f"{file}:string", ["load=0.5"]).exact
    assert make_problem(f"{file}:string", ["note=none", "ends=free"]).name == "string"


@pytest.mark.parametrize(("name", "settings", "message"), [
    ("poisson_sin", [], r"no catalogue problem 'poisson_sin'; did you mean poisson_sine"),
    ("zzz", [], r"`pinnsiren list` shows them"),
    ("nowhere.py:f", [], "there is no file nowhere.py"),
    ("MINE:nothing", [], r"has no function 'nothing'; it has conditional, fails, flag, misplaced, string, wrong"),
    ("MINE:fails", [], r"failed: ZeroDivisionError: division by zero \(line 29\)"),
    ("MINE:wrong", [], "returned a int; a problem function returns a ps.Problem"),
    ("MINE:flag", [], "needs loud; give --set loud=VALUE"),
    ("MINE:flag", ["loud=maybe"], "--set loud=maybe: expected true or false"),
    ("MINE:flag", ["loud=1", "count=1.5"], "--set count=1.5: expected a whole number, such as count=3"),
    ("MINE:flag", ["loud=1", "size=big"], "expected a whole number or a number, such as size=1"),
    ("MINE:string", ["ends=loose"], "--set ends=loose: expected fixed or free, such as ends=fixed"),
    ("MINE:string", ["load"], "--set load: expected name=value"),
    ("MINE:string", ["lod=3"], r"no setting 'lod'; it has load=1.0, ends=fixed, tolerance=0.001, note=None, k=1"),
    ("MINE:string", ["k=soft"], "--set k=soft: expected a number"),
    ("poisson_5d", ["k=1"], "poisson_5d has no setting 'k'; it has none"),
    ("BROKEN:f", [], r"broken.py cannot be run: ModuleNotFoundError: No module named 'nothing_of.* \(line 1\)"),
])
def test_bad_problems(file: str, name: str, settings: list[str], message: str) -> None:
    name = name.replace("MINE", file).replace("BROKEN", file.replace("mine", "broken"))
    with pytest.raises(ProblemError, match=message):
        make_problem(name, settings)


@pytest.mark.parametrize(("arguments", "message"), [
    (["solve", "zzz", "--out", "OUT"], "pinnsiren: there is no catalogue problem 'zzz'"),
    (["solve", "MINE:misplaced", "--out", "OUT"], "pinnsiren: a ball with the one coordinate x"),
    (["solve", "MINE:string", "--out", "OUT", "--device", "cuda:99"], "pinnsiren: device 'cuda:99' is not there"),
    (["solve", "MINE:string", "--out", "MINE/sub"], "cannot be written: Not a directory"),
    (["validate", "OUT/nothing"], "solution.h5 cannot be read: No such file"),
    (["plot", "OUT/nothing"], "solution.h5 cannot be read: No such file"),
    (["solve", "--resume", "run.h5", "--out", "OUT", "--seed", "0"], "--seed is settled by the checkpoint run.h5"),
    (["solve"], "pinnsiren solve: the following arguments are required: --out; see pinnsiren solve --help"),
    (["solve", "poisson_sine", "--out", "OUT", "--seed", "-1"], "-1 is not a whole number >= 0"),
    (["solve", "poisson_sine", "--out", "OUT", "--target", "-1"], "-1 is not a number > 0"),
    (["solve", "poisson_sine", "--out", "OUT", "--max-time", "soon"], "soon is not a number of seconds > 0"),
    (["solve", "poisson_sine", "--out", "OUT", "--dtype", "int8"], "argument --dtype: invalid choice: 'int8'"),
    ([], "the following arguments are required: COMMAND"),
    (["dance"], "invalid choice: 'dance'"),
])
def test_one_line_and_exit_code_2(file: str, arguments: list[str], message: str, tmp_path: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    given = [a.replace("MINE", file).replace("OUT", str(tmp_path)) for a in arguments]
    try:
        code: Any = main(given)
    except SystemExit as end:  # as argparse leaves
        code = end.code
    shown = capsys.readouterr()
    assert code == 2
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_debug_shows_the_traceback(file: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as shown:
        main(["solve", f"{file}:fails", "--out", str(tmp_path), "--debug"])
    assert isinstance(shown.value.__cause__, ZeroDivisionError)


def test_the_folder_is_tried_before_the_solve(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    def unwritable(*_: Any) -> NoReturn:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", unwritable)
    monkeypatch.setattr(commands, "solve", lambda *_, **__: pytest.fail("solved first"))
    assert main(["solve", f"{file}:string", "--out", str(tmp_path)]) == 2
    assert "cannot be written: Read-only file system. Give --out a folder" in capsys.readouterr().err


def test_interrupt_elsewhere(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "catalogue", stopped)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "pinnsiren: interrupted\n"


def test_warnings_about_a_problem_are_one_line(tmp_path: Path) -> None:
    """In a process of its own: here warnings are errors."""
    (tmp_path / "clash.py").write_text(
        "import pinnsiren as ps\nx, y = ps.coordinates('x y')\n"
        "u, b = ps.Field('u', x, y), ps.Box({x: (0, 1), y: (0, 1)})\n"
        "def clash():\n    return ps.Problem(ps.Equation(ps.laplacian(u), 0).on(b.interior),\n"
        "        *[ps.Equation(u, v).on(b.face(c, e)) for v, c, e in ((0, x, 0), (1, x, 1), (0, y, 0), (0, y, 1))])\n")
    done = subprocess.run([sys.executable, "-m", "pinnsiren", "solve", f"{tmp_path}/clash.py:clash", "--max-time", "1",
                           "--no-validate", "--out", str(tmp_path / "out")], cwd=Path(__file__).parents[1],
                          capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1)
    assert done.stderr.startswith("pinnsiren: warning: ")
    assert "Traceback" not in done.stderr


def test_images_print_their_ceiling() -> None:
    assert "ceiling: an exact fit of the central gradient would give" in make_problem(
        "image_from_gradients", ["size=32", "target=central"]).remark
