"""A recorder for any training loop: spectra of selected matrices every n steps, computed beside the training."""

import contextlib
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from coulombgas._checks import InputError, check_count
from coulombgas._files import check_output
from coulombgas._types import PathType
from coulombgas.spectra import LayerSpectrum, StoredArray, as_matrices, layer_spectrum

from ._recording import Recording, truncate_recording

_QUEUE = 2  # records in flight: the training waits rather than loses one


class SpectrumRecorder:
    """Records the spectra of a model's matrices while any loop trains it.

    .. code-block:: python

        with SpectrumRecorder("run.zarr", select="*.attn.key", every=100) as recorder:
            for step in range(steps):
                params = update(params)
                recorder(step + 1, params)

    Parameters are any pytree of arrays (JAX, Equinox, Flax) or a ``torch.nn.Module``. Names are paths joined by dots.
    A call copies the selected matrices and returns; a thread computes and writes. Fused query-key-value matrices are
    cut and convolution kernels reshaped by the rules of :mod:`coulombgas.spectra`.
    """

    def __init__(
        self,
        out: PathType,
        *,
        select: str | Sequence[str] = "*",
        every: int = 100,
        replica_axis: bool = False,
        resume: bool = False,
        attrs: Mapping[str, Any] | None = None,
    ):
        """Prepare a recording.

        Args:
            out: Zarr group to write.
            select: glob or globs on the names of the parameters.
            every: steps between records.
            replica_axis: every parameter has a leading axis of replicas.
            resume: go on with an existing recording.
            attrs: what to keep beside it, JSON-able.

        Raises:
            InputError: when ``out`` exists and ``resume`` is false, or cannot be written.
        """
        self.every = check_count("every", every)
        self._out = check_output(out, keep=resume, directory=True)
        self._patterns = [select] if isinstance(select, str) else list(select)
        self._replica_axis, self._attrs = replica_axis, dict(attrs or {})
        self._recording: Recording | None = None
        self._error: BaseException | None = None
        self._queue: queue.Queue = queue.Queue(maxsize=_QUEUE)
        self._thread: threading.Thread | None = None

    def __call__(self, step: int, params: Any) -> bool:
        """Record ``params`` if ``step`` is a multiple of ``every``; True if it was.

        Raises:
            InputError: when nothing is selected, or an earlier record could not be computed or written.
        """
        if step % self.every:
            return False
        self._raise_pending()
        selected = {name: _copy(value) for name, value in named_arrays(params) if self._wants(name, value)}
        if not selected:
            names = [name for name, value in named_arrays(params) if len(value.shape) - self._replica_axis >= 2]
            shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "") if names else "there is none"
            raise InputError(f"`select` {' '.join(self._patterns)!r} matches no matrix among the parameters: {shown}.")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="spectrum-recorder")
            self._thread.start()
        self._queue.put((int(step), selected))
        return True

    def flush(self) -> None:
        """Wait until every record so far is on disk."""
        self._queue.join()
        self._raise_pending()

    def truncate_after(self, step: int) -> list[int]:
        """Forget records beyond ``step``, before going on with a resumed run; returns the steps of the others."""
        return truncate_recording(self._out, step) if self._out.exists() else []

    def close(self) -> None:
        """Wait for the last record and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._raise_pending()

    def attach(self, optimizer: Any, module: Any, *, first_step: int = 0) -> Any:
        """Record ``module`` after each step of a PyTorch optimiser; returns the handle that removes the hook."""
        counter = {"step": first_step}

        def hook(*_: Any) -> None:
            counter["step"] += 1
            self(counter["step"], module)

        return optimizer.register_step_post_hook(hook)

    def __enter__(self) -> "SpectrumRecorder":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.close()
        else:  # the error of the loop is the one to tell
            with contextlib.suppress(InputError):
                self.close()

    def _wants(self, name: str, value: Any) -> bool:
        dims = len(value.shape) - self._replica_axis
        real = "float" in str(value.dtype)
        return dims >= 2 and real and any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    self._record(*item)
            except BaseException as error:  # handed to the training thread at its next call
                self._error = error
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _record(self, step: int, selected: Mapping[str, Any]) -> None:
        spectra: dict[str, list[LayerSpectrum]] = {}
        for name, value in selected.items():
            array = _to_numpy(value)
            for copy in array if self._replica_axis else array[None]:
                for matrix in _matrices(name, copy):
                    spectra.setdefault(matrix.name, []).append(
                        layer_spectrum(matrix.name, matrix.read(), vectors=False)
                    )
        if self._recording is None:
            shapes = {name: layers[0].shape for name, layers in spectra.items()}
            replicas = len(next(iter(spectra.values())))
            self._recording = Recording(self._out, matrices=shapes, replicas=replicas, attrs=self._attrs)
        self._recording.append(step, spectra)

    def _raise_pending(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise InputError(f"a record could not be made: {error}") from error


def named_arrays(params: Any) -> Iterator[tuple[str, Any]]:
    """Names (paths joined by dots) and arrays of a pytree or a PyTorch module."""
    if hasattr(params, "named_parameters"):
        yield from params.named_parameters()
        return
    import jax

    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            yield jax.tree_util.keystr(path, simple=True, separator="."), leaf


def _copy(value: Any) -> Any:
    """A copy that later in-place updates or donated buffers cannot change, made without waiting for the device."""
    if hasattr(value, "detach"):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    import jax.numpy as jnp

    return jnp.copy(value)


def _to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        return value.detach().float().cpu().numpy()
    array = np.asarray(value)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def _matrices(name: str, array: np.ndarray) -> Iterator[StoredArray]:
    yield from as_matrices(StoredArray(name, array.shape, str(array.dtype), lambda: array))
