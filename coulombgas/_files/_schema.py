"""Small declarative schemas: what each of our formats must hold, field by field."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from coulombgas._checks import InputError


class Problem(NamedTuple):
    """The first thing that is wrong: which field, what it must be, what it is."""

    field: str
    must: str
    value: Any


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    low: int = 0
    high: int = 2**63 - 1

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        if type(value) is int and self.low <= value <= self.high:
            return None
        bounds = f"of at least {self.low}" if self.high == 2**63 - 1 else f"between {self.low} and {self.high}"
        return Problem(name, f"must be a whole number {bounds}", value)


@dataclass(frozen=True)
class Number:
    """A number; NaN and infinities only where ``finite`` is false."""

    low: float = -math.inf
    finite: bool = True
    high: float = math.inf

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        good = type(value) in (int, float) and not (self.finite and not math.isfinite(value))
        good = good and not (value < self.low or value > self.high)
        bounds = "" if self.high == math.inf else f" between {self.low:g} and {self.high:g}"
        return None if good else Problem(name, f"must be a {'finite ' * self.finite}number{bounds}", value)


@dataclass(frozen=True)
class Text:
    """Text that matches a pattern in full, where one is given."""

    pattern: str = ""
    words: tuple[str, ...] = ()

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        if self.words and value not in self.words:
            return Problem(name, "must be " + " or ".join(map(repr, self.words)), value)
        if isinstance(value, str) and (not self.pattern or re.fullmatch(self.pattern, value)):
            return None
        return Problem(name, f"must be text{f' like {self.pattern}' if self.pattern else ''}", value)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        return None if isinstance(value, bool) else Problem(name, "must be true or false", value)


@dataclass(frozen=True)
class Anything:
    """Any JSON value."""

    def problem(self, value: Any, name: str) -> Problem | None:
        """Always None."""


@dataclass(frozen=True)
class ListOf:
    """A list whose items all follow one rule."""

    item: "Rule"
    length: int | None = None
    least: int = 0

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        if not isinstance(value, list) or len(value) < self.least:
            return Problem(name, f"must be a list{f' of at least {self.least}' if self.least else ''}", value)
        if self.length is not None and len(value) != self.length:
            return Problem(name, f"must be a list of {self.length}", value)
        found = (self.item.problem(item, f"{name}[{i}]") for i, item in enumerate(value))
        return next((one for one in found if one is not None), None)


@dataclass(frozen=True)
class MapOf:
    """An object with any names, whose values all follow one rule."""

    item: "Rule"

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        if not isinstance(value, dict):
            return Problem(name, "must be an object", value)
        found = (self.item.problem(item, _join(name, key)) for key, item in value.items())
        return next((one for one in found if one is not None), None)


@dataclass(frozen=True)
class Record:
    """An object with fixed names; further names are allowed and ignored."""

    fields: Mapping[str, "Rule"]
    optional: Mapping[str, "Rule"] = field(default_factory=dict)

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        if not isinstance(value, dict):
            return Problem(name, "must be an object", value)
        for key, rule in (*self.fields.items(), *self.optional.items()):
            if key not in value:
                if key in self.fields:
                    return Problem(_join(name, key), "is missing", None)
            elif (found := rule.problem(value[key], _join(name, key))) is not None:
                return found
        return None


@dataclass(frozen=True)
class OrNull:
    """A value that may be null."""

    item: "Rule"

    def problem(self, value: Any, name: str) -> Problem | None:
        """The first problem, if there is one."""
        return None if value is None else self.item.problem(value, name)


Rule: TypeAlias = Whole | Number | Text | Flag | Anything | ListOf | MapOf | Record | OrNull


def check_document(document: Any, rule: Rule, source: str, remedy: str) -> Any:
    """The document, if it follows the rule.

    Args:
        document: the parsed JSON.
        rule: what it must be.
        source: the file, named in the message.
        remedy: what to do about it, at the end of the message.

    Raises:
        InputError: naming the file, the first field that is wrong, its value and the remedy.
    """
    found = rule.problem(document, "")
    if found is None:
        return document
    where = f"`{found.field}` " if found.field else "the document "
    text = "" if found.must == "is missing" else f", got {_short(found.value)}"
    raise InputError(f"{source}: {where}{found.must}{text}: {remedy}.")


def _join(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
