"""Fixtures shared by all tests."""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_MANY_PROGRAMS = 1.5 * 2**30


@pytest.fixture(autouse=True, scope="module")
def forget_compiled_programs() -> Iterator[None]:
    """Compiled programs are kept for ever; after a module that leaves the process large they are dropped."""
    yield
    statm, jax = Path("/proc/self/statm"), sys.modules.get("jax")
    if jax is not None and statm.exists():
        resident = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        if resident > _MANY_PROGRAMS:
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
