"""The Hugging Face Trainer: spectra of a Transformers model."""

from typing import Any

from transformers import TrainerCallback  # pyright: ignore[reportMissingImports]

from coulombgas._types import PathType
from coulombgas.networks import motion_numbers
from coulombgas.training import SpectrumRecorder

from ._numbers import new_numbers


class TrainerSpectra(TrainerCallback):
    """Records spectra while ``Trainer.train`` runs.

    .. code-block:: python

        spectra = TrainerSpectra("run.zarr", select="*attn*", every=100)
        trainer = transformers.Trainer(..., callbacks=[spectra])
        spectra.log_to(trainer)  # optional: the numbers of each record go to `report_to`
        trainer.train()

    Learning rate and optimiser are read from the optimiser at every record, the batch size from the arguments:
    ``train_batch_size``, times accumulated batches and processes. The numbers hold noise, temperature and equilibrium
    of leading levels and bulk, as :func:`coulombgas.networks.motion_numbers` finds them, unless ``measure`` says
    otherwise. Only the first process records.
    """

    def __init__(self, out: PathType, *, resume: bool = False, **options: Any):
        """Prepare a recording.

        Args:
            out: Zarr group to write.
            resume: go on with an existing recording; records beyond the checkpoint that the trainer goes back to are
                forgotten.
            **options: of :class:`coulombgas.SpectrumRecorder`.

        Raises:
            InputError: as the recorder.
        """
        self.recorder = SpectrumRecorder(out, resume=resume, **{"measure": motion_numbers, **options})
        """The recorder that does the work."""
        self._resume = resume
        self._batch_size = options.get("batch_size")
        self._trainer: Any = None

    def log_to(self, trainer: Any) -> "TrainerSpectra":
        """Give the numbers to this trainer's log: the trainer does not pass itself to its callbacks."""
        self._trainer = trainer
        return self

    def on_train_begin(
        self, args: Any, state: Any, control: Any, *, model: Any = None, optimizer: Any = None, **_: Any
    ) -> None:
        """Follow the optimiser from the step that the trainer begins with."""
        if not state.is_world_process_zero:
            return
        if self._resume:
            self.recorder.truncate_after(state.global_step)
        size = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self.recorder.follow(optimizer, model, batch_size=size if self._batch_size is None else None)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, *, model: Any = None, **_: Any) -> None:
        """Record; the schedule has not moved on yet."""
        if state.is_world_process_zero:
            self.recorder(state.global_step + 1, model)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Log what has been recorded meanwhile."""
        self._log(state)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Finish the last record."""
        self.recorder.close()
        self._log(state)

    def _log(self, state: Any) -> None:
        for step, numbers in new_numbers(self.recorder):
            if self._trainer is None:
                state.log_history.append({**numbers, "step": step})
            else:
                self._trainer.log({**numbers, "coulombgas/step": float(step)})
