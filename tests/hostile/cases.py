"""Which of many kinds of damage are tried in the quick form."""

from collections.abc import Iterable
from typing import Any

import pytest

SHARP = (
    "pickle", "objects", "pipe", "device", "elsewhere", "bomb", "huge", "nested", "cut", "gone", "no JSON", "shape",
)  # fmt: skip
"""Words of what could run code, never end, lead away or fill the memory, and of the commonest damage."""


def spread(cases: Iterable[str], watch: str) -> list[Any]:
    """The first case for each word of ``SHARP`` and every fourth of the others; the rest in the full form."""
    seen: set[str] = set()
    found, others = [], 0
    for case in cases:
        words = {word for word in SHARP if word in case}
        new = words - seen
        seen |= words
        others += not words
        quick = bool(new) or (not words and others % 4 == 1)
        found.append(case if quick else pytest.param(case, marks=pytest.mark.full(watch)))
    return found
