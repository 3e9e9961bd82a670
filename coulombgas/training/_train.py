"""Train an ensemble."""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr

from coulombgas._checks import check_choice, check_count, fail
from coulombgas._files import atomic_directory, check_output
from coulombgas._precision import x64
from coulombgas._types import PathType, Progress
from coulombgas.models import Model
from coulombgas.spectra import make_spectra

from ._engine import advance_chunk, chunk_spectrum, make_setting, replica_keys, setting_key, start_chunk
from ._sweep import SettingValues, make_record, make_settings

_DEFAULT_CHUNK = 512
_SEGMENT = 512  # updates between two reports of progress


def train(
    model: Model,
    *,
    learning_rate: float | Sequence[float],
    batch_size: int | Sequence[int],
    replicas: int,
    steps: int,
    seed: int = 0,
    record: int | Sequence[int] | None = None,
    init: Literal["random", "fixed-point"] = "random",
    combine: Literal["grid", "zip"] = "grid",
    dtype: Literal["float32", "float64"] = "float32",
    chunk: int | None = None,
    out: PathType | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Train replicas of a model at every setting and return their spectra.

    .. math:: W' = W - \alpha\, g(W), \qquad g \text{ the stochastic gradient of the model}

    Args:
        model: what is trained.
        learning_rate: α, one or several.
        batch_size: \|B\|, one or several.
        replicas: independent copies at each setting.
        steps: updates.
        seed: seed of all random numbers; replica i of a setting is the same whatever else runs beside it.
        record: steps at which spectra are kept: None for the last, n for n equally spaced, or the steps themselves.
        init: "random" or "fixed-point".
        combine: "grid" for every (learning rate, batch size), "zip" for pairs.
        dtype: precision of the training.
        chunk: replicas computed together.
        out: Zarr store to write.
        overwrite: replace ``out`` if it exists.
        progress: called with (done, total) replica-updates.

    Returns:
        ``Spectra`` with dims (setting, replica, step, mode) and ``failed_step``.

    Raises:
        InputError: for values out of range, or an ``out`` that exists or cannot be written.
    """
    settings = make_settings(learning_rate, batch_size, combine)
    replicas, steps = check_count("replicas", replicas), check_count("steps", steps, 0)
    seed = check_count("seed", seed, 0)
    check_choice("init", init, ("random", "fixed-point"))
    check_choice("dtype", dtype, ("float32", "float64"))
    recorded = make_record(record, steps)
    chunk = min(replicas, _DEFAULT_CHUNK if chunk is None else check_count("chunk", chunk))
    if not isinstance(model, Model):
        fail("model", "must be a Model such as GaussianRBM(...)", model)
    if out is not None:
        check_output(out, overwrite=overwrite)
    levels = np.full((len(settings), replicas, len(recorded), model.num_modes), np.nan, dtype=dtype)
    failed = np.empty((len(settings), replicas), dtype=np.int64)
    report = _Report(progress, len(settings) * replicas * max(steps, 1))
    for s, setting in enumerate(settings):
        for first in range(0, replicas, chunk):
            part = slice(first, min(first + chunk, replicas))
            levels[s, part], failed[s, part] = _train_chunk(model, setting, part, seed, recorded, init, dtype, report)
    result = make_spectra(
        levels,
        learning_rate=[setting.learning_rate for setting in settings],
        batch_size=[setting.batch_size for setting in settings],
        step=recorded,
        model=model.config(),
        training={"replicas": replicas, "steps": steps, "init": init, "dtype": dtype, "optimizer": "sgd"},
        target=model.target_modes,
        fixed_point=model.fixed_point,
        failed_step=failed,
        seed=seed,
        device=jax.devices()[0].device_kind,
    )
    if out is not None:
        with atomic_directory(out, overwrite=overwrite) as temporary:
            result.to_zarr(temporary, mode="w", consolidated=False, zarr_format=3)
    return result


def _train_chunk(
    model: Model, values: SettingValues, part: slice, seed: int, recorded: tuple[int, ...], init: str, dtype: str,
    report: "_Report",
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    with x64() if dtype == "float64" else jax.enable_x64(False):
        base = setting_key(seed, *values)
        setting = make_setting(base, *values, np.dtype(dtype))
        indices = np.arange(part.start, part.stop, dtype=np.uint32)
        state: Any = start_chunk(model, setting, replica_keys(base, indices, "start"), init, np.dtype(dtype))
        keys = replica_keys(base, indices, "update")
        levels, step = [], 0
        for stop in recorded:
            while step < stop or (stop == 0 and not levels):
                following = min(step + _SEGMENT, stop)
                state = advance_chunk(model, setting, keys, state, np.int32(step), np.int32(following))
                jax.block_until_ready(state)
                report.add((following - step) * len(indices))
                step = following
                if stop == 0:
                    break
            levels.append(np.asarray(chunk_spectrum(model, state)))
    return np.stack(levels).transpose(2, 0, 1), np.asarray(state.failed_step)


class _Report:
    """Counts replica-updates for a progress callable."""

    def __init__(self, progress: Progress | None, total: int):
        self._progress, self._total, self._done = progress, total, 0

    def add(self, number: int) -> None:
        self._done += number
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)
