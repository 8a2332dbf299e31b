"""From what is typed at the command line to a Problem or an experiment: names, files, and ``--set name=value``."""

import difflib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pinnsiren.equations import catalogue
from pinnsiren.errors import PinnsirenError, ProblemError
from pinnsiren.problem import Problem
from pinnsiren.symbols import Parameter

Maker = Callable[..., Problem]
TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def make_problem(name: str, settings: Sequence[str]) -> Problem:
    """The problem of a catalogue name or ``path/to/file.py:function``, with ``name=value`` settings.

    A setting is an argument of the function, or else a Parameter of the problem that it returns.

    Raises:
        ProblemError: no such problem, file or function; a setting that is not known or has a wrong value; a function
            that fails or returns something else.
    """
    maker = _from_file(name) if ".py:" in name else _from_catalogue(name)
    given = dict(_split(s) for s in settings)
    accepted = _parameters(maker)
    arguments = {k: _value(accepted[k], text) for k, text in given.items() if k in accepted}
    missing = [k for k, p in accepted.items() if p.default is p.empty and k not in arguments]
    if missing:
        raise ProblemError(f"{name} needs {', '.join(missing)}; give --set {missing[0]}=VALUE.")
    problem = _called(maker, name, arguments)
    constants = {k: text for k, text in given.items() if k not in accepted}
    unknown = sorted(set(constants) - {p.name for p in problem.parameters})
    if unknown:
        raise ProblemError(f"{name} has no setting '{unknown[0]}'; {_settings_of(maker, problem)}.")
    return _with_parameters(problem, {k: _number(k, text) for k, text in constants.items()})


def settings_for(maker: Callable[..., Any], name: str, settings: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments of a function whose arguments all have defaults, from ``name=value`` settings.

    Raises:
        ProblemError: a setting that is not known or has a wrong value.
    """
    given, accepted = dict(_split(s) for s in settings), _settable(maker)
    for strange in sorted(set(given) - set(accepted)):
        raise ProblemError(f"{name} has no setting '{strange}'; it has {arguments_of(maker)}.")
    return {k: _value(accepted[k], text) for k, text in given.items()}


def describe(maker: Callable[..., Any]) -> str:
    """The first line of a function's docstring."""
    return (inspect.getdoc(maker) or "").partition("\n")[0]


def arguments_of(maker: Callable[..., Any]) -> str:
    """What can be set of a function, with the defaults: "k=20, width=0.2"."""
    return ", ".join(k if p.default is p.empty else f"{k}={p.default}" for k, p in _settable(maker).items())


def _settable(maker: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The arguments that have values which can be typed: not an experiment's folder."""
    return {k: p for k, p in _parameters(maker).items() if p.annotation is not Path or p.default is not p.empty}


def _from_catalogue(name: str) -> Maker:
    known = catalogue()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        raise ProblemError(f"there is no catalogue problem '{name}'; "
                           + (f"did you mean {' or '.join(near)}?" if near else "`pinnsiren list` shows them.")
                           + " For one of your own give path/to/file.py:function.")
    return known[name]


def _from_file(name: str) -> Maker:
    file, _, function = name.rpartition(":")
    path = Path(file).resolve()
    spec = spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ProblemError(f"there is no file {file}; give path/to/file.py:function.")
    module = module_from_spec(spec)
    sys.path.insert(0, str(path.parent))  # as `python file.py` does, so that it may import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # anything may happen in a user's file
        raise ProblemError(f"{file} cannot be run: {_told(error, path)}.") from error
    finally:
        sys.path.remove(str(path.parent))
    found = {k for k, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == module.__name__}
    if function not in found:
        raise ProblemError(f"{file} has no function '{function}'; it has {', '.join(sorted(found)) or 'none'}.")
    maker: Maker = getattr(module, function)
    return maker


def _parameters(maker: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(maker, eval_str=True).parameters
    except Exception as error:  # an annotation is an expression like any other
        raise ProblemError(f"the annotations of {maker.__name__} cannot be read: {type(error).__name__}: "
                           f"{error}.") from error


def _called(maker: Maker, name: str, arguments: Mapping[str, Any]) -> Problem:
    try:
        problem = maker(**arguments)
    except PinnsirenError:
        raise
    except Exception as error:  # anything may happen in a user's function
        raise ProblemError(f"{name} failed: {_told(error, Path(inspect.getfile(maker)))}.") from error
    if not isinstance(problem, Problem):
        raise ProblemError(f"{name} returned a {type(problem).__name__}; a problem function returns a ps.Problem.")
    return problem


def _told(error: Exception, path: Path) -> str:
    """An error of a user's code in one line, with the last line of their file that it passed through."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}: {error}".rstrip(".") + (f" (line {line})" if line else "")


def _split(setting: str) -> tuple[str, str]:
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise ProblemError(f"--set {setting}: expected name=value, such as --set k=20.")
    return name.strip(), text.strip()


def _value(parameter: inspect.Parameter, text: str) -> Any:
    """A text as what the function's argument is annotated to be, or as what its default is."""
    kind: Any = parameter.annotation
    if kind is parameter.empty:
        kind = str if parameter.default in (parameter.empty, None) else type(parameter.default)
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    if type(None) in kinds and text.lower() == "none":
        return None
    for each in sorted((k for k in kinds if k is not type(None)), key=_precedence):
        try:
            return _read(each, text)
        except ValueError:
            continue
    raise ProblemError(f"--set {parameter.name}={text}: expected {_names(kinds)}"
                       + (f", such as {parameter.name}={parameter.default}." if parameter.default not in
                          (parameter.empty, None) else "."))


def _precedence(kind: Any) -> int:
    """Numbers before texts, since a text can be anything."""
    return [bool, int, float].index(kind) if kind in (bool, int, float) else 3


def _read(kind: Any, text: str) -> Any:
    if get_origin(kind) is Literal:
        choices = {str(choice): choice for choice in get_args(kind)}
        if text not in choices:
            raise ValueError(text)
        return choices[text]
    if kind is bool:
        if text.lower() not in TRUTH:
            raise ValueError(text)
        return TRUTH[text.lower()]
    return kind(text) if kind in (int, float, Path) else text


def _names(kinds: Sequence[Any]) -> str:
    named = {int: "a whole number", float: "a number", bool: "true or false", type(None): "none"}
    return " or ".join(" or ".join(map(str, get_args(k))) if get_origin(k) is Literal else named.get(k, "a text")
                       for k in kinds)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ProblemError(f"--set {name}={text}: expected a number.") from error


def _with_parameters(problem: Problem, values: Mapping[str, float]) -> Problem:
    """The problem with other values of its parameters, in equations, conditions and the exact solution."""
    return problem.with_parameters({p: Parameter(p.name, values[p.name]) for p in problem.parameters if p.name in values})


def _settings_of(maker: Maker, problem: Problem) -> str:
    named = inspect.signature(maker).parameters
    parameters = ", ".join(f"{p.name}={float(p.value):g}" for p in problem.parameters if p.name not in named)
    known = ", ".join(part for part in (arguments_of(maker), parameters) if part)
    return f"it has {known}" if known else "it has none"
