"""A recorder for any training loop: spectra of selected matrices every n steps, computed in a separate thread."""

import contextlib
import queue
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from coulombgas._checks import InputError, check_count, fail
from coulombgas._files import check_output
from coulombgas._types import PathType
from coulombgas.spectra import NetworkSpectra

from ._gradient_noise import GradientDraws
from ._metrics import Metrics, Monitor
from ._one_thread import one_blas_thread
from ._parameters import copied, named_arrays
from ._record_writer import Job, RecordWriter, Refused
from ._recording import TrainingRecord, truncate_recording
from ._recording_format import RESERVED
from ._training_source import TrainingSource, Value, unwrapped

_QUEUE = 2  # records in flight: training waits rather than lose one


class RecordingStopped(RuntimeWarning):
    """Recording has stopped; training continues."""


class SpectrumRecorder:
    """Records the spectra of a model's matrices while any loop trains it.

    .. code-block:: python

        training = {"learning_rate": 0.1, "batch_size": 32}
        with SpectrumRecorder("run.zarr", select="*.key", every=100, **training) as recorder:
            for step in range(steps):
                params = update(params)
                recorder(step + 1, params)

    Parameters are any pytree of arrays (JAX, Equinox, Flax) or a ``torch.nn.Module``. Names are paths joined by dots,
    without ``module.`` and ``_orig_mod.`` of PyTorch's wrappers. A call copies the selected matrices and returns; a
    thread computes and, every two to ten seconds, writes. Fused query-key-value matrices are split and convolution
    kernels reshaped by the rules of :mod:`coulombgas.spectra`.

    A recorder never stops training: NaN weights, a full disk or any other failure after the first record is reported
    once, as :class:`RecordingStopped`, and recording stops. Whatever cannot work from the start raises an error at
    once.
    """

    def __init__(
        self,
        out: PathType,
        *,
        select: str | Sequence[str] = "*",
        every: int = 100,
        learning_rate: Value = None,
        batch_size: Value = None,
        optimizer: Any = None,
        gradient: Callable[[Any], Any] | None = None,
        micro_batch_size: int = 1,
        replica_axis: bool = False,
        resume: bool = False,
        strict: bool = False,
        measure: Callable[[NetworkSpectra], Mapping[str, float]] | None = None,
        attrs: Mapping[str, Any] | None = None,
    ):
        r"""Prepare a recording.

        Args:
            out: Zarr group to write.
            select: glob or globs on the names of the parameters.
            every: steps between records.
            learning_rate: learning rate of the training; a number, or a schedule called with the number of updates
                before the current one. Read from the optimiser if one is attached.
            batch_size: samples in one gradient, micro-batches and devices together; a number, or a function called in
                the same way.
            optimizer: its name, :class:`coulombgas.Optimizer`, a dictionary with any of ``optimizer``, ``momentum``,
                ``nesterov``, ``dampening``, ``weight_decay``, ``second_moment``; or a PyTorch optimiser, which is read.
            gradient: called with the parameters at each record; returns K ≥ 2 independent gradients, each the mean over
                ``micro_batch_size`` samples: an iterator of them, or one tree whose leaves have a leading axis of
                draws, as ``jax.vmap`` returns. From them the noise of each level is recorded,
                :math:`\operatorname{Var}(u_i^\top G v_i) = \frac{b}{B(K-1)}\sum_k (u_i^\top(G_k - \bar G)v_i)^2`, and
                the unbiased traces :math:`\operatorname{tr}\Sigma` of one sample and :math:`|G|^2` of all parameters.
                The K gradients of the selected matrices are held until the record is written.
            micro_batch_size: samples b in each of these gradients.
            replica_axis: whether every parameter has a leading axis of replicas.
            resume: continue an existing recording.
            strict: raise on failure instead of warning and continuing without a recording.
            measure: called in the recorder's thread with all records so far (of the first replica) when records are
                written, for at most 2% of the time of a core, and at the end; its numbers are added to those of
                :meth:`metrics`. It may raise :class:`InputError` while there are too few records.
                :func:`coulombgas.networks.motion_numbers` gives noise, temperature and equilibrium.
            attrs: further attributes to store, JSON-able.

        Raises:
            InputError: when ``out`` exists and ``resume`` is false, or cannot be written, or a value is invalid for a
                training.
        """
        self.every = check_count("every", every)
        self._out = check_output(out, keep=resume, directory=True)
        self._patterns = [select] if isinstance(select, str) else list(select)
        self._source = TrainingSource(learning_rate, batch_size, optimizer)
        self._gradient, self._micro = gradient, check_count("micro_batch_size", micro_batch_size)
        self._replica_axis, self._strict = replica_axis, strict
        for word in RESERVED & set(attrs or {}):
            fail("attrs", "may not hold what the recorder states itself", word)
        self._monitor = Monitor(self._out, measure)
        self._writer = RecordWriter(
            self._out, replica_axis=replica_axis, attrs=dict(attrs or {}), monitor=self._monitor
        )
        self._error: tuple[int, BaseException] | None = None
        self._begun, self._failed, self._stopped = False, False, ""
        self._queue: queue.Queue[Job | Literal["write", "measure"] | None] = queue.Queue(maxsize=_QUEUE)
        self._thread: threading.Thread | None = None

    @property
    def stopped(self) -> str:
        """Why recording has stopped; empty while it continues."""
        return self._stopped

    def __call__(
        self,
        step: int,
        params: Any,
        *,
        learning_rate: Value = None,
        batch_size: Value = None,
        optimizer: Any = None,
        optimizer_state: Any = None,
    ) -> bool:
        """Record ``params`` if ``step`` is a multiple of ``every``; True if it was.

        Args:
            step: updates made so far.
            params: the parameters after them.
            learning_rate: of the last update, instead of that given to the recorder.
            batch_size: of the last update, likewise.
            optimizer: name or dictionary, for values not given to the recorder.
            optimizer_state: an optax state, from which the rate and the settings that ``optax.inject_hyperparams``
                keeps are read.

        Raises:
            InputError: when nothing is selected, or the first record does not fit.
        """
        if step % self.every or self._stopped:
            return False
        self._settle()
        if self._stopped:
            return False
        try:
            training = self._source.at(
                int(step),
                learning_rate=learning_rate,
                batch_size=batch_size,
                optimizer=optimizer,
                state=optimizer_state,
            )
            job = self._job(int(step), params, training)
        except Exception as error:
            # before the first record: an option or a hook does not work, and the loop has only just started
            if self._strict or not self._begun:
                raise
            self._stop(int(step), error)
            return False
        self._begun = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="spectrum-recorder")
            self._thread.start()
        self._queue.put(job)
        return True

    def flush(self, *, measure: bool = True) -> None:
        """Wait until every record so far is on disk and, unless told otherwise, measured."""
        if self._thread is not None:
            self._queue.put("measure" if measure else "write")
            self._queue.join()
        self._settle()

    def metrics(self) -> list[Metrics]:
        """Numbers of the records finished since the last call, for a logger: learning rate, batch size and α/(B(1 − m))
        as "temperature"; largest singular value, stable rank and mean noise of the levels of each matrix; tr Σ/|G|² as
        "noise_scale"; and the results of ``measure``. Unknown ones are omitted."""
        return [self._writer.measured.popleft() for _ in range(len(self._writer.measured))]

    def truncate_after(self, step: int) -> list[int]:
        """Drop records beyond ``step``, before continuing a resumed run; returns the steps of the others."""
        return truncate_recording(self._out, step) if self._out.exists() else []

    def close(self) -> None:
        """Wait for the last record and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        self._settle()

    def attach(self, optimizer: Any, model: Any, *, batch_size: Value = None, first_step: int = 0) -> Any:
        """Record ``model`` after each step of a PyTorch optimiser, with the learning rate of that step, momentum,
        weight decay and their changes.

        Args:
            optimizer: the optimiser. Only the parameter groups with selected matrices count, and these must have one
                learning rate; other settings in which they differ are recorded as unknown.
            model: a ``torch.nn.Module``.
            batch_size: samples in one gradient, micro-batches and devices together; a number, or a function that
                returns it.
            first_step: updates made before.

        Returns:
            A handle that removes the hook.

        Raises:
            InputError: when nothing is selected, or the selected matrices are trained at different learning rates.
        """
        self.follow(optimizer, model, batch_size=batch_size)
        counter = {"step": first_step}

        def hook(*_: Any) -> None:
            counter["step"] += 1
            self(counter["step"], model)

        return unwrapped(optimizer).register_step_post_hook(hook)

    def follow(self, optimizer: Any, model: Any, *, batch_size: Value = None) -> None:
        """Read a PyTorch optimiser at each record, like :meth:`attach`, in a loop that calls the recorder itself.

        Raises:
            InputError: as :meth:`attach`.
        """
        if batch_size is not None:
            self._source.batch_size = batch_size
        chosen = self._selected(model, copy=False)
        self._source.attach(optimizer, list(chosen.values()))

    def __enter__(self) -> "SpectrumRecorder":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.close()
        else:  # the error of the loop takes precedence
            with contextlib.suppress(InputError):
                self.close()

    def _selected(self, params: Any, *, copy: bool = True) -> dict[str, Any]:
        found = {
            name: copied(value) if copy else value for name, value in named_arrays(params) if self._wants(name, value)
        }
        if not found:
            names = [name for name, value in named_arrays(params) if len(value.shape) - self._replica_axis >= 2]
            shown = ", ".join(names[:4]) + (", …" if len(names) > 4 else "") if names else "there is none"
            raise InputError(f"`select` {' '.join(self._patterns)!r} matches no matrix among the parameters: {shown}.")
        return found

    def _wants(self, name: str, value: Any) -> bool:
        dims = len(value.shape) - self._replica_axis
        real = "float" in str(value.dtype)
        return dims >= 2 and real and any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def _job(self, step: int, params: Any, training: TrainingRecord) -> Job:
        selected = self._selected(params)
        if self._gradient is None:
            return Job(step, selected, training, None)
        if not training.batch_size > 0:
            fail("batch_size", "must be given, to scale the noise of `gradient` to it")
        draws = GradientDraws(params, list(selected), self._micro).take(self._gradient(params))
        return Job(step, selected, training, draws)

    def _work(self) -> None:
        """Process jobs until one is None; "write" and idle time write the waiting records."""
        while True:
            try:
                job = self._queue.get(timeout=self._writer.wait)
            except queue.Empty:
                self._guarded(self._writer.step, self._writer.write)
                continue
            if isinstance(job, Job):
                self._guarded(job.step, lambda job=job: self._writer.take(job))
            else:
                self._guarded(self._writer.step, lambda last=job != "write": self._writer.write(last=last))
            if job is None:
                self._guarded(self._writer.step, self._writer.close)
            self._queue.task_done()
            if job is None:
                return

    def _guarded(self, step: int, work: Callable[[], None]) -> None:
        """Do something in the thread; an error is passed to the training thread at its next call."""
        if self._failed:
            return
        try:
            with one_blas_thread():
                work()
        except BaseException as error:
            self._error, self._failed = (step, error), True
            with contextlib.suppress(BaseException):  # the records before it are complete
                self._writer.write()

    def _settle(self) -> None:
        """Report an error of the background thread in the training thread."""
        for text in self._monitor.remarks():
            warnings.warn(f"{self._out}: {text}", RuntimeWarning, stacklevel=4)
        if self._error is None:
            return
        (step, error), self._error = self._error, None
        if self._strict or isinstance(error, Refused) or not isinstance(error, Exception):
            self._failed = False
            raise InputError(f"a record could not be made: {error}") from error
        self._stop(step, error)

    def _stop(self, step: int, error: Exception) -> None:
        text = " ".join(str(error).split())[:300]
        self._stopped = text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
        warnings.warn(
            f"{self._out}: recording stopped at step {step} and training goes on: {self._stopped}",
            RecordingStopped, stacklevel=4,
        )  # fmt: skip
