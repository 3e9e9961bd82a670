"""Keras 3: spectra of a model on any backend."""

from typing import Any

import keras  # pyright: ignore[reportMissingImports]
import numpy as np

from coulombgas._checks import InputError
from coulombgas._types import PathType
from coulombgas.networks import motion_numbers
from coulombgas.training import SpectrumRecorder

from ._numbers import new_numbers


class KerasSpectra(keras.callbacks.Callback):
    """Records spectra while ``Model.fit`` runs.

    .. code-block:: python

        spectra = KerasSpectra("run.zarr", every=100, batch_size=32)
        model.fit(x, y, batch_size=32, callbacks=[spectra])

    Names are the paths of the variables without the model's own name, joined by dots. Learning rate and optimiser are
    read at every record; Keras does not tell a callback the batch size, so give it. The latest numbers join the logs of
    each epoch, before those callbacks that come later in the list, such as ``TensorBoard``; noise, temperature and
    equilibrium of leading levels and bulk among them, as :func:`coulombgas.networks.motion_numbers` finds them, unless
    ``measure`` says otherwise.
    """

    def __init__(self, out: PathType, *, resume: bool = False, **options: Any):
        """Prepare a recording.

        Args:
            out: Zarr group to write.
            resume: go on with an existing recording; records beyond the optimiser's iterations are forgotten.
            **options: of :class:`coulombgas.SpectrumRecorder`.

        Raises:
            InputError: as the recorder.
        """
        super().__init__()
        self.recorder = SpectrumRecorder(out, resume=resume, **{"measure": motion_numbers, **options})
        """The recorder that does the work."""
        self._resume = resume
        self._own = {word: word in options for word in ("learning_rate", "optimizer")}
        self._batches, self._begun = 0, 0
        self._latest: dict[str, float] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Count on from the updates that the optimiser has made."""
        model: Any = self.model
        at_once = getattr(model, "steps_per_execution", 1)
        if self.recorder.every * self._accumulated % at_once:
            raise InputError(
                f"`every` must be a multiple of the model's steps_per_execution, {at_once}, got {self.recorder.every}: "
                "the weights between are never seen."
            )
        updates = int(_number(model.optimizer.iterations))
        self._batches = updates * self._accumulated
        if self._resume:
            self.recorder.truncate_after(updates)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Note the first batch of a call, which may stand for several."""
        self._begun = batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record after whole updates."""
        self._batches += batch - self._begun + 1
        updates, rest = divmod(self._batches, self._accumulated)
        if rest or updates % self.recorder.every or self.recorder.stopped:
            return
        model: Any = self.model
        if hasattr(model, "jax_state_sync"):  # JAX keeps the weights of the loop to itself until it is asked
            model.jax_state_sync()
        rate = None if self._own["learning_rate"] else self._rate(updates)
        settings = None if self._own["optimizer"] else _settings(model.optimizer)
        self.recorder(updates, _weights(model), learning_rate=rate, optimizer=settings)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the numbers of the last record among those of the epoch."""
        self.recorder.flush(measure=epoch + 1 == (self.params or {}).get("epochs"))
        for _, numbers in new_numbers(self.recorder):
            self._latest |= numbers
        if logs is not None:
            logs.update(self._latest)

    def on_train_end(self, logs: Any = None) -> None:
        """Finish the last record."""
        self.recorder.close()

    @property
    def _accumulated(self) -> int:
        model: Any = self.model
        return model.optimizer.gradient_accumulation_steps or 1

    def _rate(self, updates: int) -> Any:
        """Learning rate of the last update."""
        model: Any = self.model
        optimizer: Any = model.optimizer
        schedule: Any = getattr(optimizer, "_learning_rate", None)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            return _number(schedule(updates - 1))
        return _number(optimizer.learning_rate)


def _number(value: Any) -> Any:
    """A scalar of any backend, as one of NumPy in its own precision."""
    converted: Any = keras.ops.convert_to_numpy(value)
    return np.asarray(converted)[()]


def _weights(model: Any) -> dict[str, Any]:
    """Trainable weights by path, as arrays that the recorder can copy on their device."""
    on_device = keras.backend.backend() in ("jax", "torch")
    own = f"{model.name}/"  # in front of the paths of a Sequential model until it is saved and loaded
    return {
        one.path.removeprefix(own).replace("/", "."): one.value if on_device else keras.ops.convert_to_numpy(one)
        for one in model.trainable_weights
    }


def _settings(optimizer: Any) -> dict[str, Any]:
    """The attribute ``training`` of a Keras optimiser."""
    name = type(optimizer).__name__
    words = {"momentum": "momentum", "beta_1": "momentum", "beta_2": "second_moment", "weight_decay": "weight_decay"}
    found: dict[str, Any] = {
        word: float(getattr(optimizer, own)) for own, word in words.items() if getattr(optimizer, own, None) is not None
    }
    if name == "SGD":
        found["nesterov"] = bool(optimizer.nesterov)
        kind = "nesterov" if optimizer.nesterov else "momentum"
        found["optimizer"] = kind if found.get("momentum") else "sgd"
    else:
        found["optimizer"] = name.lower()
    return {**found, "source": f"keras.optimizers.{name}"}
