"""Fixtures shared by all tests."""

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import jaxtyping
import pytest

os.environ.setdefault("SYMPY_CACHE_SIZE", "20000")  # before SymPy is imported: results of a derivation are used again
_SHARE = 1 / 6  # of the machine's memory for each of two workers, with room for what their tests start
_MANY_MAPS = 30_000  # of the 65 530 memory maps that Linux gives a process by default; each program has several


_jaxtyped = jaxtyping.jaxtyped


def _checked(function: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    """jaxtyping's decorator, which binds the arguments of every call twice to compare their shapes, only where a shape
    is annotated; elsewhere the type checker alone, which finds the same and takes a fifth less of the whole suite."""
    if function is None:
        return partial(_checked, typechecker=typechecker)
    plain = type(function) is FunctionType and not any(map(_may_hold_shapes, function.__annotations__.values()))
    return typechecker(function) if plain else _jaxtyped(function, typechecker=typechecker)


def _may_hold_shapes(annotation: Any) -> bool:
    return (
        isinstance(annotation, str) or "jaxtyping" in repr(annotation) or "jaxtyping" in annotation.__class__.__module__
    )


jaxtyping.jaxtyped = _checked  # which the import hook looks up, for each function of the package


def pytest_configure() -> None:
    """Collect garbage less often: a process that has compiled much holds millions of objects."""
    gc.set_threshold(20_000, 20, 10)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """``@pytest.mark.full("who watches")`` on what runs at full size only, with what watches in its place."""
    if os.environ.get("COULOMBGAS_FULL") != "1":
        for item in items:
            if (mark := item.get_closest_marker("full")) is not None:
                (watched,) = mark.args
                item.add_marker(pytest.mark.skip(reason=f"with COULOMBGAS_FULL=1; in the quick form: {watched}"))


@pytest.fixture(autouse=True, scope="module")
def forget_compiled_programs() -> Iterator[None]:
    """Compiled programs are kept for ever; after a module that leaves the process large they are dropped."""
    yield
    statm, jax = Path("/proc/self/statm"), sys.modules.get("jax")
    if jax is not None and statm.exists():
        page = os.sysconf("SC_PAGE_SIZE")
        resident = int(statm.read_text().split()[1]) * page
        maps = Path("/proc/self/maps").read_bytes().count(b"\n")
        if resident > _SHARE * os.sysconf("SC_PHYS_PAGES") * page or maps > _MANY_MAPS:
            jax.clear_caches()
            gc.collect()
            if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
                libc.malloc_trim(0)


@pytest.fixture
def x64() -> Iterator[None]:
    """The test runs in float64."""
    from coulombgas._precision import x64 as context

    with context():
        yield


@pytest.fixture(scope="session")
def reduced() -> bool:
    """True unless COULOMBGAS_FULL=1: slow statistical checks take their small form."""
    return os.environ.get("COULOMBGAS_FULL") != "1"


@pytest.fixture(scope="session")
def released_data() -> Path:
    """Directory of the data released with arXiv:2407.16427; the test is skipped where there is none."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("COULOMBGAS_DATA", default))
    if not (path / "teacher_student").is_dir():
        pytest.skip("released data not at hand: set COULOMBGAS_DATA")
    return path
