"""The contents of a pickle as plain data: its instructions are only interpreted, nothing is imported or called.

A class becomes its name, an object a :class:`Described` with the arguments and the state that it would be built from.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any

from coulombgas._checks import InputError

_MAX_INSTRUCTIONS = 20_000_000
_MARK = object()


@dataclass(eq=False)
class Described:
    """An object that is only described: the name of its class, its arguments and its state."""

    name: str
    arguments: Any = ()
    state: Any = field(default=None)

    def get(self, key: str) -> Any:
        """One entry of its state."""
        return self.state.get(key) if isinstance(self.state, dict) else None


def global_names(data: bytes) -> set[str]:
    """Names of everything that a pickle would call or build.

    Raises:
        Exception: of any kind for a damaged one.
    """
    found: set[str] = set()
    values: list[Any] = []
    memo: dict[Any, Any] = {}
    for operation, argument, _ in pickletools.genops(data):
        name = operation.name
        if name in ("GLOBAL", "INST"):
            found.add(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            found.add(".".join(map(str, values[-2:])))
        if name == "MEMOIZE":
            memo[len(memo)] = values[-1] if values else None
        elif name.endswith("PUT"):
            memo[argument] = values[-1] if values else None
        else:
            values.append(
                memo.get(argument) if name.endswith("GET") else argument if isinstance(argument, str) else None
            )
            del values[:-2]
    return found


def describe(data: bytes) -> Any:
    """The whole of a pickle as dictionaries, lists, tuples, numbers, texts and :class:`Described`.

    Raises:
        InputError: for instructions not needed by plain records.
        Exception: of any kind for a damaged one.
    """
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
        if count > _MAX_INSTRUCTIONS:
            raise InputError(f"its pickle has more than {_MAX_INSTRUCTIONS:,} instructions.")
        name = operation.name
        if name == "STOP":
            break
        if name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name.endswith("PUT"):
            memo[argument] = stack[-1]
        elif name.endswith("GET"):
            stack.append(memo[argument])
        elif name in _BUILT:
            _BUILT[name](stack)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name == "GLOBAL":
            stack.append(Described(str(argument).replace(" ", ".")))
        elif argument is not None and isinstance(argument, str | int | float | bytes):
            if name not in ("PROTO", "FRAME"):
                stack.append(argument)
        else:
            raise InputError(f"its pickle holds the instruction {name}, which plain records do not need.")
    return stack[-1]


def _since_mark(stack: list[Any]) -> list[Any]:
    place = len(stack) - 1 - next(i for i, item in enumerate(reversed(stack)) if item is _MARK)
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _take(stack: list[Any], count: int) -> list[Any]:
    items = stack[len(stack) - count :]
    if len(items) < count:
        raise ValueError("its stack is empty")
    del stack[len(stack) - count :]
    return items


def _pairs(stack: list[Any], items: list[Any]) -> None:
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _object(stack: list[Any]) -> None:
    kind, arguments = _take(stack, 2)
    stack.append(Described(kind.name, arguments))


def _build(stack: list[Any]) -> None:
    (state,) = _take(stack, 1)
    if isinstance(stack[-1], Described):
        stack[-1].state = state


def _global(stack: list[Any]) -> None:
    stack.append(Described(".".join(map(str, _take(stack, 2)))))


def _extend(stack: list[Any]) -> None:
    items = _since_mark(stack)
    stack[-1].extend(items)


_CONSTANTS = {
    "MARK": lambda: _MARK, "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": list,
}  # fmt: skip
_BUILT = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": lambda stack: stack.append(tuple(_take(stack, 1))),
    "TUPLE2": lambda stack: stack.append(tuple(_take(stack, 2))),
    "TUPLE3": lambda stack: stack.append(tuple(_take(stack, 3))),
    "LIST": lambda stack: stack.append(_since_mark(stack)),
    "APPEND": lambda stack: stack[-2].append(stack.pop()),
    "APPENDS": _extend,
    "ADDITEMS": _extend,
    "SETITEM": lambda stack: _pairs(stack, _take(stack, 2)),
    "SETITEMS": lambda stack: _pairs(stack, _since_mark(stack)),
    "STACK_GLOBAL": _global,
    "REDUCE": _object,
    "NEWOBJ": _object,
    "BUILD": _build,
    "POP": lambda stack: stack.pop(),
}
