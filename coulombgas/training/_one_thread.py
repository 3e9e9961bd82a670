"""Linear algebra on one thread, for work beside a training that needs the other cores.

The threads of OpenBLAS wait for each other in a loop that keeps their cores busy. Beside a training that uses every
core they wait long, and the levels of a few small matrices cost many times their CPU time.
"""

import contextlib
import functools
from collections.abc import Iterator

from threadpoolctl import ThreadpoolController


@functools.cache
def _openblas() -> ThreadpoolController:
    """The copies of OpenBLAS that NumPy and SciPy have loaded. Looked up once: it takes longer than a small matrix."""
    import scipy.linalg  # noqa: F401  its copy must be there to be found

    return ThreadpoolController().select(internal_api="openblas")


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold OpenBLAS to one thread, in the whole process, until the block ends. Other libraries are left alone."""
    with _openblas().limit(limits=1):
        yield
