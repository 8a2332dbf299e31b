"""The catalogue: every public function of this folder's files that is annotated to return a Problem.

A new equation is one new file here; nothing else has to name it.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from pinnsiren.problem import Problem


def catalogue() -> dict[str, Callable[..., Problem]]:
    """The functions that make the catalogue's problems, by name, in alphabetical order of their files."""
    modules = [import_module(f"{__name__}.{m.name}") for m in sorted(iter_modules(__path__), key=lambda m: m.name)]
    return {name: function for module in modules for name, function in vars(module).items()
            if inspect.isfunction(function) and function.__module__ == module.__name__
            and not name.startswith("_") and inspect.get_annotations(function, eval_str=True).get("return") is Problem}
