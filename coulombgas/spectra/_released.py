"""The data released with arXiv:2407.16427 (ALP24): Gaussian RBMs and teacher-student models, files and folders of runs.

A file of an RBM holds the weights ``w`` (seed, record, hidden, visible), their decomposition ``u, s, vh``, updates
``dw``, the numbers ``lr, batch_size, epochs, save_int`` and a pickled ``init_cond``. Only ``w``, ``s`` and the numbers
are read; the pickled entry is never touched. The files omit the parameters of the paper's RBM: N = N_h = 10, μ² = 9,
σ_h² = 1, k = 3 Gibbs steps of persistent chains, a free scalar field with m² = 4 on a ring as the target.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from coulombgas._checks import InputError, check_finite_array
from coulombgas._files import ArchivedArray, list_archive, read_entry, within

from ._levels import weights_to_levels
from ._schema import make_spectra, model_config
from ._user_keys import count, number, positive

RBM_FILE = frozenset({"w", "lr", "batch_size", "save_int"})
TEACHER_FILE = frozenset({"W", "lr", "batch_size", "noise"})
_TEACHER = 2.0  # both teacher eigenvalues of the released runs, which the files omit
_MASS2, _MU2 = 4.0, 9.0
_SIZE = 10
_WANTED = ("w", "s", "lr", "batch_size", "save_int", "epochs", "beta", "l2", "lr_decay")
_MOST_FILES = 5000


def archived_names(file: Path) -> frozenset[str]:
    """Names of the arrays of an archive, without reading them; empty if it is damaged."""
    try:
        return frozenset(entry.name for entry in list_archive(file) if isinstance(entry, ArchivedArray))
    except InputError:
        return frozenset()


def from_teacher_student(arrays: Mapping[str, np.ndarray], source: str) -> xr.Dataset:
    """Spectra of one file of teacher-student runs, with all its seeds.

    Raises:
        InputError: naming the array that does not fit.
    """
    weights = check_finite_array("W", arrays["W"])
    if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2]:
        raise InputError(f"`W` must have shape (seed, epoch, N, N), got {weights.shape}.")
    teacher = [_TEACHER] * weights.shape[-1]
    every = count("save_int", arrays["save_int"]) if "save_int" in arrays else 1
    return make_spectra(
        weights_to_levels(weights, kind="singular")[None],
        learning_rate=[positive("lr", arrays["lr"])],
        batch_size=[count("batch_size", arrays["batch_size"])],
        step=np.arange(weights.shape[1]) * every,
        model={
            "name": "teacher-student",
            "noise": positive("noise", arrays["noise"]),
            "teacher": teacher,
            "inputs": "quenched",  # all seeds of a file share one set of inputs
        },
        training={"layout": "released with arXiv:2407.16427", "step_unit": "epoch"},
        target=teacher,
        fixed_point=teacher,
        source=source,
    )


def from_rbm(file: Path) -> xr.Dataset:
    """Spectra of one file of RBM runs, with all its seeds; seeds whose weights are not finite count as diverged.

    Raises:
        InputError: naming the array that is missing or does not fit.
    """
    arrays = {
        entry.name: read_entry(file, entry)
        for entry in list_archive(file)
        if isinstance(entry, ArchivedArray) and entry.name in _WANTED
    }
    for name in ("beta", "l2", "lr_decay"):
        if name in arrays and number(name, arrays[name]) != 0:
            raise InputError(f"`{name}` must be 0, as in all released runs, got {number(name, arrays[name]):g}.")
    weights = np.asarray(arrays["w"])
    if weights.ndim != 4 or weights.shape[2:] != (_SIZE, _SIZE) or weights.dtype.kind != "f":
        raise InputError(f"`w` must have shape (seed, record, {_SIZE}, {_SIZE}), got {weights.shape}.")
    every = count("save_int", arrays["save_int"])
    good = np.asarray(np.isfinite(weights).all(axis=(2, 3)))
    levels = np.full(weights.shape[:3], np.nan)
    levels[good] = weights_to_levels(weights[good])
    _check_levels(arrays, levels, good)
    failed = np.where(np.all(good, axis=-1), -1, np.argmin(good, axis=1) * every)
    kappa = np.sort(_MASS2 + 2 - 2 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE))
    machine = {"mu2": _MU2, "sigma_h2": 1.0, "gibbs_steps": 3, "chains": "persistent", "init_std": 0.1}
    return make_spectra(
        levels[None],
        learning_rate=[positive("lr", arrays["lr"])],
        batch_size=[count("batch_size", arrays["batch_size"])],
        step=np.arange(weights.shape[1]) * every,
        model={"name": "rbm", "num_visible": _SIZE, "num_hidden": _SIZE, **machine, "target": kappa.tolist()},
        training={"layout": "released with arXiv:2407.16427"},
        assumed={**machine, "target": kappa.tolist()},
        target=kappa[::-1],
        fixed_point=_MU2 - kappa[::-1],
        failed_step=failed[None],
        source=str(file),
    )


def _check_levels(arrays: Mapping[str, np.ndarray], levels: np.ndarray, good: np.ndarray) -> None:
    """Check the file's own decomposition of w: of WᵀW, or of W."""
    stored = arrays.get("s")
    if stored is None:
        return
    if stored.shape != levels.shape:
        raise InputError(f"`s` must have shape {levels.shape} to be that of `w`, got {stored.shape}.")
    mine, own = levels[good], np.sort(stored[good], axis=-1)
    scale = 1e-6 * max(float(mine.max(initial=0.0)), 1e-30)
    if not any(np.allclose(power, mine, rtol=1e-5, atol=scale) for power in (own, own**2)):
        raise InputError("`s` is not the decomposition of `w`: the file is damaged, or one of another layout.")


def find_runs(folder: Path) -> list[Path]:
    """The released files in a folder and its subfolders, in the order of their names.

    Raises:
        InputError: when there is none.
    """
    files = sorted(path for path in folder.rglob("*.npz") if within(path, folder))
    if len(files) > _MOST_FILES:
        raise InputError(f"{folder}: more than {_MOST_FILES:,} archives: name a smaller folder.")
    names = {file: archived_names(file) for file in files}
    found = [file for file in files if names[file] >= RBM_FILE or names[file] >= TEACHER_FILE]
    if not found:
        raise InputError(f"{folder}: not a Zarr store of spectra (no zarr.json in it), nor a folder of released runs.")
    return found


def join_runs(runs: Sequence[xr.Dataset], source: str) -> xr.Dataset:
    """Runs of one model as one dataset; runs of the same setting form one ensemble.

    Raises:
        InputError: when the runs have different models or recorded steps, or settings have different numbers of
            replicas.
    """
    models = [model_config(run) for run in runs]
    if any(model != models[0] for model in models):
        raise InputError(f"{source}: runs of different models: name the folder of one of them.")
    if len({tuple(run.step.values.tolist()) for run in runs}) > 1:
        raise InputError(f"{source}: runs recorded at different steps: name the folders of one kind.")
    settings: dict[tuple[float, int], list[xr.Dataset]] = {}
    for run in runs:
        settings.setdefault((float(run.learning_rate[0]), int(run.batch_size[0])), []).append(run)
    sizes = {setting: sum(run.sizes["replica"] for run in mine) for setting, mine in settings.items()}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{size} at α = {rate:g}, B = {batch}" for (rate, batch), size in sorted(sizes.items())[:3])
        raise InputError(
            f"{source}: settings with different numbers of replicas ({shown}): name their files one by one."
        )
    first = runs[0]
    order = sorted(settings)
    together = {name: [np.concatenate([run[name].values[0] for run in settings[one]]) for one in order]
                for name in ("eigenvalue", "failed_step") if name in first}  # fmt: skip
    return make_spectra(
        np.stack(together["eigenvalue"]),
        learning_rate=[rate for rate, _ in order],
        batch_size=[batch for _, batch in order],
        step=first.step.values,
        model=models[0],
        training=_part(first, "training"),
        assumed=_part(first, "assumed"),
        target=first.target.values,
        fixed_point=first.fixed_point.values,
        failed_step=np.stack(together["failed_step"]) if "failed_step" in together else None,
        source=source,
    )


def _part(spectra: xr.Dataset, name: str) -> dict | None:
    import json

    return json.loads(spectra.attrs["config"]).get(name)
