"""Spectra from the arrays of a user's own ``.npz``: levels, settings, model and training, each checked by name."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_choice, check_count, check_finite_array, check_positive, fail

from ._schema import make_spectra
from ._user_keys import (
    ALWAYS,
    AVERAGING,
    BELONGS,
    FIELDS,
    MODELS,
    OPTIMIZER,
    OPTIMIZERS,
    Arrays,
    count,
    count_or_zero,
    number,
    refuse_unknown,
    text,
    word,
)

_SHAPES = "(replica, mode), (setting, replica, mode) or (setting, replica, record, mode)"


def from_user_file(arrays: Arrays, source: str) -> xr.Dataset:
    """Spectra from the arrays of a user's ``.npz``.

    ``eigenvalue`` has shape (replica, mode), (setting, replica, mode) or (setting, replica, record, mode);
    ``learning_rate`` and ``batch_size`` are numbers or (setting,). ``model`` is one of :data:`MODELS`, with every field
    of that model under its own name, or absent: such spectra give relative temperatures only. The optimiser is
    ``optimizer`` (its name) and its other fields under their own names; ``sampling`` is "with-replacement" or "epoch"
    with ``updates_per_epoch``; ``steps`` is the number of updates made, ``step`` the recorded update, (record,) for
    several.

    Args:
        arrays: the arrays in the file.
        source: its path.

    Returns:
        The dataset; ``attrs["config"]`` holds ``model``, ``training`` and, under ``assumed``, every value that affects
        the law of the levels and was not given.

    Raises:
        InputError: one line naming the key that is unknown, missing, wrong or inconsistent with the others.
    """
    refuse_unknown(arrays)
    name = _model_name(arrays)
    levels = _levels(arrays)
    rates, batches = _settings(arrays, levels.shape[0])
    assumed: dict[str, Any] = {}
    model, target, fixed_point = _model(name, arrays, levels.shape[-1], assumed)
    training = _training(arrays, assumed)
    return make_spectra(
        levels,
        learning_rate=rates,
        batch_size=batches,
        model=model,
        step=_recorded(arrays, levels.shape[2], training["steps"]),
        training=training,
        assumed=assumed,
        target=target,
        fixed_point=fixed_point,
        source=source,
    )


def _model_name(arrays: Arrays) -> str | None:
    """The model that a file names; None where it names none."""
    given = [name for name in arrays if name in FIELDS and name not in ALWAYS]
    words = ", ".join(map(repr, MODELS))
    if "model" not in arrays:
        if given:
            raise InputError(
                f"`{given[0]}` needs `model` beside it (one of {words}); without a model leave `{given[0]}` out: "
                "the spectra then give relative temperatures."
            )
        return None
    name = text("model", arrays["model"])
    if name not in MODELS:
        raise InputError(
            f"`model` must be one of {words}, got {name!r}: leave `model` and its fields out for any other model, "
            "the spectra then give relative temperatures."
        )
    return name


def _levels(arrays: Arrays) -> np.ndarray:
    """Levels with all four dimensions."""
    levels = check_finite_array("eigenvalue", arrays["eigenvalue"])
    if levels.ndim not in (2, 3, 4) or 0 in levels.shape:
        fail("eigenvalue", f"must have shape {_SHAPES}", f"shape {levels.shape}")
    return levels[None, :, None] if levels.ndim == 2 else levels[:, :, None] if levels.ndim == 3 else levels


def _settings(arrays: Arrays, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Learning rate and batch size of each of ``num`` settings."""
    rates = _per_setting("learning_rate", arrays, num)
    batches = _per_setting("batch_size", arrays, num)
    if num > 1 and rates.size == batches.size == 1:
        raise InputError(
            f"`learning_rate` and `batch_size` are one number each for the {num} settings in the first dimension of "
            f"`eigenvalue`: give one value for each setting, or one setting in shape (1, replica, record, mode)."
        )
    for rate in rates:
        check_positive("learning_rate", float(rate))
    sizes = [check_count("batch_size", float(size)) for size in batches]
    return np.broadcast_to(rates, num), np.broadcast_to(np.array(sizes), num)


def _per_setting(name: str, arrays: Arrays, num: int) -> np.ndarray:
    value = _get(arrays, name, "one number, or one for each setting,")
    if value.size == 1:
        return np.array([number(name, value)])
    if value.shape != (num,):
        wanted = "one number" if num == 1 else f"one number, or {num} for the {num} settings of `eigenvalue`"
        fail(name, f"must be {wanted}", f"shape {value.shape}")
    return check_finite_array(name, value)


def _get(arrays: Arrays, name: str, meaning: str) -> np.ndarray:
    if name not in arrays:
        raise InputError(f"`{name}` is missing: add {meaning} to the file.")
    return arrays[name]


def _model(
    name: str | None, arrays: Arrays, modes: int, assumed: dict[str, Any]
) -> tuple[dict[str, Any] | None, np.ndarray | None, np.ndarray | None]:
    """Configuration of the model, targets and fixed points in the order of ascending levels."""
    if name is None:
        return None, None, None
    fields = MODELS[name]
    given = _own_fields(name, arrays)
    config: dict[str, Any] = {"name": name}
    for key, field in fields.items():
        if key in given:
            config[key] = field.read(key, given[key])
        elif field.needed:
            shown = "target" if key == "teacher" else key
            raise InputError(f"`{shown}` is missing: add {field.needed} to the file.")
        elif field.assumed is not None:
            config[key] = assumed[key] = field.assumed
    if name == "rbm":
        return _complete_rbm(config, modes, assumed)
    key = "teacher" if "teacher" in fields else "target"
    levels = np.sort(config[key])
    shown = key if key in arrays else "target"
    if levels.size != modes:
        fail(shown, f"must hold one value for each of the {modes} modes of `eigenvalue`", f"shape {levels.shape}")
    if name == "two-layer" and levels[0] <= 0:
        fail(shown, "must be positive for 'two-layer' (singular values)", float(levels[0]))
    return config, levels, levels


def _own_fields(name: str, arrays: Arrays) -> dict[str, np.ndarray]:
    """The model's arrays under the names of its fields; ``target`` is an alias of ``teacher``."""
    fields = MODELS[name]
    given = {key: value for key, value in arrays.items() if key in FIELDS}
    if "teacher" in fields and "target" in given:
        if "teacher" in given:
            raise InputError("`target` and `teacher` are two names for the same levels: give one of them.")
        given["teacher"] = given.pop("target")
    for key in given:
        if key not in fields:
            owners = " and ".join(repr(other) for other, own in MODELS.items() if key in own)
            raise InputError(f"`{key}` is a field of {owners}, not of {name!r}: leave it out, or correct `model`.")
    return given


def _complete_rbm(
    config: dict[str, Any], modes: int, assumed: dict[str, Any]
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Configuration of the RBM, target and fixed point of each mode; what had to be assumed is noted."""
    kappa = _kappa(config)
    visible = config.setdefault("num_visible", len(kappa))
    if visible != len(kappa):
        fail("target", f"must hold one value for each of the {visible} visible units", f"shape {kappa.shape}")
    if len(kappa) < modes:
        fail("target", f"must hold a value for each of the {modes} modes of `eigenvalue`", f"shape {kappa.shape}")
    if "num_hidden" not in config:
        config["num_hidden"] = modes  # the only possibility with fewer modes than visible units
        if modes == visible:
            assumed["num_hidden"] = modes
    if min(visible, config["num_hidden"]) != modes:
        raise InputError(
            f"`eigenvalue` has {modes} modes, an RBM of {visible} visible and {config['num_hidden']} hidden units has "
            f"{min(visible, config['num_hidden'])}: leave out the zeros that the shape of W forces, or correct "
            "`num_hidden` and `target`."
        )
    # the hidden units learn the modes of the smallest κ: x = μ² − κ (ALP24 (26)), and x = 0 where κ ≥ μ²
    target = kappa[:modes][::-1].copy()
    return config, target, np.maximum(config["mu2"] - target, 0.0)


def _kappa(config: dict[str, Any]) -> np.ndarray:
    """κ ascending; ``config`` gets it in this order."""
    if ("target" in config) == ("target_covariance" in config):
        if "target" in config:
            raise InputError("`target` and `target_covariance` give the same information: give one of them.")
        raise InputError("`target` is missing: add the target eigenvalues κ_i of all visible units to the file.")
    if "target" in config:
        kappa = np.sort(config["target"])
        config["target"] = kappa.tolist()
    else:
        matrix = np.array(config["target_covariance"])
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T, rtol=1e-8):
            fail("target_covariance", "must be square and symmetric", f"shape {matrix.shape}")
        variances = np.linalg.eigvalsh(matrix)
        if variances[0] <= 0:
            fail("target_covariance", "must be positive definite; its lowest eigenvalue is", float(variances[0]))
        kappa = 1.0 / variances[::-1]
    if kappa[0] <= 0:
        fail("target", "must be positive for an RBM (eigenvalues of a precision matrix)", float(kappa[0]))
    if len(config.get("target_mean", kappa)) != len(kappa):
        fail("target_mean", f"must hold one value for each of the {len(kappa)} visible units", config["target_mean"])
    return kappa


def _training(arrays: Arrays, assumed: dict[str, Any]) -> dict[str, Any]:
    steps = count_or_zero("steps", arrays["steps"]) if "steps" in arrays else None
    optimizer = _optimizer(arrays, steps, assumed)
    sampling, updates = _sampling(arrays, assumed)
    return {
        "optimizer": optimizer, "sampling": sampling, "updates_per_epoch": updates, "steps": steps,
        "layout": "user npz",
    }  # fmt: skip


def _optimizer(arrays: Arrays, steps: int | None, assumed: dict[str, Any]) -> dict[str, Any]:
    """The optimiser in the form of its ``config()``."""
    if "optimizer" in arrays:
        name = check_choice("optimizer", text("optimizer", arrays["optimizer"]), OPTIMIZERS)
    else:
        name = "sgd"
    given = {key: field.read(key, arrays[key]) for key, field in OPTIMIZER.items() if key in arrays}
    _refuse_strangers(name, given)
    if "optimizer" not in arrays:
        assumed["optimizer"] = name
    values = {"name": name, **{key: given.get(key, field.assumed) for key, field in OPTIMIZER.items()}}
    if name in AVERAGING and "momentum" not in given:
        assumed["momentum"] = values["momentum"]
    _check_schedule(arrays, values["schedule"], values["schedule_steps"], steps, assumed)
    plain = name == "sgd" and values["schedule"] == "constant" and values["weight_decay"] == 0.0
    return {"name": name} if plain else values


def _refuse_strangers(name: str, given: Mapping[str, Any]) -> None:
    """Refuse constants of an optimiser other than ``name``."""
    for key, owners in BELONGS.items():
        if key in given and name not in owners:
            raise InputError(
                f"`{key}` has no meaning for `optimizer` = {name!r}: leave it out, or set "
                f"`optimizer` to {' or '.join(map(repr, owners))}."
            )


def _check_schedule(arrays: Arrays, schedule: str, length: int, steps: int | None, assumed: dict[str, Any]) -> None:
    """A falling schedule needs the updates at which the levels were recorded; ``length`` 0 is that of the run."""
    if schedule == "constant":
        for key in ("schedule_steps", "schedule_end"):
            if key in arrays:
                raise InputError(f"`{key}` has no meaning for a constant schedule: add `schedule`, or leave it out.")
        return
    if steps is None and ("step" not in arrays or length == 0):
        raise InputError(
            f"`steps` is missing: with the schedule {schedule!r} the temperature depends on the update, add the number "
            "of updates made to the file."
        )
    if length == 0:
        assumed["schedule_steps"] = steps
    if "schedule_end" not in arrays:
        assumed["schedule_end"] = OPTIMIZER["schedule_end"].assumed


def _sampling(arrays: Arrays, assumed: dict[str, Any]) -> tuple[str, int | None]:
    """How mini-batches were drawn, and their number in an epoch."""
    updates = count("updates_per_epoch", arrays["updates_per_epoch"]) if "updates_per_epoch" in arrays else None
    if "sampling" not in arrays:
        if updates is not None:
            raise InputError("`updates_per_epoch` needs `sampling` = 'epoch' beside it: add it, or leave both out.")
        assumed["sampling"] = "with-replacement"
        return "with-replacement", None
    sampling = word("with-replacement", "epoch")("sampling", arrays["sampling"])
    if sampling == "epoch" and updates is None:
        raise InputError("`updates_per_epoch` is missing: add the number of mini-batches in an epoch to the file.")
    if sampling != "epoch" and updates is not None:
        fail("updates_per_epoch", f"has no meaning for `sampling` = {sampling!r}: leave it out", updates)
    return sampling, updates


def _recorded(arrays: Arrays, num_records: int, steps: int | None) -> np.ndarray | None:
    """The recorded updates, (record,); without ``step`` one record is the last update."""
    if "step" not in arrays:
        if num_records > 1:
            raise InputError(f"`step` is missing: add the update of each of the {num_records} records to the file.")
        return None if steps is None else np.array([steps])
    values = np.atleast_1d(check_finite_array("step", arrays["step"]))
    if values.shape != (num_records,):
        fail("step", f"must hold one update for each of the {num_records} records", f"shape {values.shape}")
    updates = np.array([check_count("step", float(value), 0) for value in values])
    if (np.diff(updates) <= 0).any():
        fail("step", "must be ascending", updates.tolist())
    if steps is not None and updates[-1] > steps:
        fail("step", f"must not lie beyond the {steps} updates made (`steps`)", int(updates[-1]))
    return updates
