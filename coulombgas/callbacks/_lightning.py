"""Lightning: spectra of a LightningModule."""

import sys
from typing import TYPE_CHECKING, Any

from coulombgas._checks import InputError
from coulombgas._types import PathType
from coulombgas.networks import motion_numbers
from coulombgas.training import SpectrumRecorder

from ._numbers import new_numbers

if not TYPE_CHECKING and "pytorch_lightning" in sys.modules and "lightning" not in sys.modules:
    from pytorch_lightning.callbacks import Callback  # pyright: ignore[reportMissingImports]
else:
    from lightning.pytorch.callbacks import Callback  # pyright: ignore[reportMissingImports]


class LightningSpectra(Callback):
    """Records spectra while ``Trainer.fit`` runs.

    .. code-block:: python

        spectra = LightningSpectra("run.zarr", select="*.weight", every=100)
        trainer = lightning.Trainer(callbacks=[spectra])

    Learning rate and optimiser are read from the optimiser at every record, the batch size from the data loader:
    its own, times devices and accumulated batches. Numbers go to all loggers of the trainer under ``coulombgas/``:
    noise, temperature and equilibrium of leading levels and bulk, as :func:`coulombgas.networks.motion_numbers` finds
    them, unless ``measure`` says otherwise. Only the first process records.
    """

    def __init__(self, out: PathType, *, optimizer_index: int | None = None, resume: bool = False, **options: Any):
        """Prepare a recording.

        Args:
            out: Zarr group to write.
            optimizer_index: which of several optimisers trains the selected matrices.
            resume: go on with an existing recording; records beyond the checkpoint that the trainer goes back to are
                forgotten.
            **options: of :class:`coulombgas.SpectrumRecorder`.

        Raises:
            InputError: as the recorder.
        """
        self.recorder = SpectrumRecorder(out, resume=resume, **{"measure": motion_numbers, **options})
        """The recorder that does the work."""
        self._index, self._resume = optimizer_index, resume
        self._batch_size = options.get("batch_size")
        self._handle: Any = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Follow the optimiser from the step that the trainer begins with."""
        if not trainer.is_global_zero:
            return
        optimizers = trainer.optimizers
        if self._index is None and len(optimizers) != 1:
            raise InputError(
                f"`optimizer_index` must say which of the module's {len(optimizers)} optimisers trains the selected "
                "matrices."
            )
        first = trainer.global_step // len(optimizers)
        if self._resume:
            self.recorder.truncate_after(first)
        batch_size = (lambda _: _batch_size(trainer)) if self._batch_size is None else None
        chosen = optimizers[self._index or 0]
        self._handle = self.recorder.attach(chosen, pl_module, batch_size=batch_size, first_step=first)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Log what has been recorded meanwhile."""
        self._log(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Finish the last record."""
        self._end()
        self._log(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Finish the last record; the error raised is that of the training."""
        try:
            self._end()
        except InputError as error:
            exception.add_note(f"coulombgas: {error}")

    def _end(self) -> None:
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
            self.recorder.close()

    def _log(self, trainer: Any) -> None:
        for step, numbers in new_numbers(self.recorder):
            for logger in trainer.loggers:
                logger.log_metrics(numbers, step=step)


def _batch_size(trainer: Any) -> int | None:
    """Samples in one gradient; None where the loader does not say."""
    own = getattr(trainer.train_dataloader, "batch_size", None)
    return own * trainer.accumulate_grad_batches * trainer.world_size if isinstance(own, int) else None
