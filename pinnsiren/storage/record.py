"""A record — nested dicts of numbers, texts, arrays, expressions and declared objects — as JSON, arrays and rows.

Everything but arrays and expressions becomes JSON. What JSON does not have is an object with the key ``"$"`` that says
its kind: ``{"$": "array", "number": 0}``, ``{"$": "object", "class": "Ball", "attributes": {…}}``.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy

from pinnsiren.errors import PinnsirenError, StorageError
from pinnsiren.storage.expressions import ExpressionWriter

KIND = "$"
_DECLARATIONS = ("pinnsiren.equation", "pinnsiren.problem", "pinnsiren.sampling", "pinnsiren.domains", "pinnsiren.ansatz",
                 "pinnsiren.pml")
_NUMBERS = MappingProxyType({"nan": math.nan, "inf": math.inf, "-inf": -math.inf})


@cache
def declared_classes() -> Mapping[str, type]:
    """The frozen dataclasses of declarations by name: the only classes that a file may name."""
    roots = [import_module(name) for name in _DECLARATIONS]
    modules = [*roots, *(import_module(m.name) for root in roots
                         for m in walk_packages(getattr(root, "__path__", []), root.__name__ + "."))]
    found = {c for m in modules for c in vars(m).values() if isinstance(c, type) and c.__module__ == m.__name__}
    return MappingProxyType({c.__name__: c for c in found if is_dataclass(c) and not inspect.isabstract(c)})


class RecordWriter:
    """Turns values into JSON; collects their arrays and expressions on the way."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []
        self.expressions = ExpressionWriter(self.arrays)

    def encode(self, value: Any, place: str = "record") -> Any:
        """A value as JSON.

        Args:
            value: None, bool, int, float, str, list, tuple, mapping, array, sympy expression or declared object.
            place: where in the record it is, for the message of an error.

        Raises:
            StorageError: a value of another kind, with its place.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {KIND: "float", "value": str(value)}
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, (sympy.Basic, sympy.MatrixBase)):
            return {KIND: "expression", "number": self.expressions.add(value)}
        if declared_classes().get(type(value).__name__) is type(value):
            return self._object(value, place)
        if isinstance(value, (list, tuple)):
            items = [self.encode(v, f"{place}[{i}]") for i, v in enumerate(value)]
            return items if isinstance(value, list) else {KIND: "tuple", "items": items}
        if isinstance(value, Mapping):
            return self._mapping(value, place)
        raise StorageError(f"{place} is a {type(value).__name__}, which a file cannot hold; expected numbers, texts, "
                           "lists, dicts, arrays, sympy expressions or the parts of a problem.")

    def _array(self, value: np.ndarray[Any, Any], place: str) -> dict[str, Any]:
        if value.dtype.kind not in "biufc":
            raise StorageError(f"{place} is an array of {value.dtype}; "
                               "expected real, complex, integer or boolean numbers.")
        self.arrays.append(value)
        return {KIND: "array", "number": len(self.arrays) - 1}

    def _object(self, value: Any, place: str) -> dict[str, Any]:
        attributes = {f.name: self.encode(getattr(value, f.name), f"{place}.{f.name}") for f in fields(value)}
        return {KIND: "object", "class": type(value).__name__, "attributes": attributes}

    def _mapping(self, value: Mapping[Any, Any], place: str) -> dict[str, Any]:
        if all(isinstance(k, str) for k in value) and KIND not in value:
            return {k: self.encode(v, f"{place}[{k!r}]") for k, v in value.items()}
        return {KIND: "mapping", "items": [[self.encode(k, place), self.encode(v, f"{place}[{k}]")]
                                           for k, v in value.items()]}


class RecordReader:
    """Turns the JSON of a :class:`RecordWriter` back into values."""

    def __init__(self, arrays: Sequence[np.ndarray[Any, Any]], expressions: Sequence[Any]) -> None:
        self.arrays = arrays
        self.expressions = expressions

    def decode(self, value: Any, place: str = "record") -> Any:
        """The value that was encoded.

        Raises:
            StorageError: a kind or class that is not known, or attributes that its constructor refuses.
        """
        if isinstance(value, list):
            return [self.decode(v, f"{place}[{i}]") for i, v in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if KIND not in value:
            return {k: self.decode(v, f"{place}[{k!r}]") for k, v in value.items()}
        kinds: dict[str, Callable[[dict[str, Any], str], Any]] = {
            "float": lambda v, _: _NUMBERS[v["value"]],
            "array": lambda v, _: self.arrays[_position(v["number"])],
            "expression": lambda v, _: self.expressions[_position(v["number"])],
            "tuple": lambda v, p: tuple(self.decode(v["items"], p)),
            "mapping": lambda v, p: {self.decode(k, p): self.decode(e, p) for k, e in v["items"]},
            "object": self._object,
        }
        try:
            return kinds[value[KIND]](value, place)
        except PinnsirenError as error:
            raise StorageError(f"{place}: {error}") from error
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
            raise StorageError(f"{place} is not valid: {str(value)[:80]} ({str(error)[:200]})") from error

    def _object(self, value: dict[str, Any], place: str) -> Any:
        known = declared_classes()
        name = value["class"]
        if name not in known:
            raise StorageError(f"'{str(name)[:60]}' is not a class that a file may name")
        return _constructed(known[name], {k: self.decode(v, f"{place}.{k}") for k, v in value["attributes"].items()})


def _constructed(kind: type, attributes: dict[str, Any]) -> Any:
    """An object from its attributes, by its constructor, which checks them: ``Class(*attributes)`` builds an equal one.

    One that takes any number of something, such as Problem(*constraints), keeps them in the attribute of that name.
    """
    names = [f.name for f in fields(kind)]
    # a file from before an attribute existed lacks it: then it has its default
    attributes |= {f.name: f.default for f in fields(kind) if f.name not in attributes and f.default is not MISSING}
    if set(attributes) != set(names):
        raise StorageError(f"a {kind.__name__} has the attributes {names}, not {list(attributes)}")
    parameters = inspect.signature(kind).parameters.values()
    several = [p.name for p in parameters if p.kind is inspect.Parameter.VAR_POSITIONAL]
    if not several:
        return kind(*(attributes[name] for name in names))
    positional = attributes.pop(several[0])
    return kind(*positional, **attributes)


def _position(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise StorageError(f"{str(number)[:40]} is not the number of an array or expression")
    return number
