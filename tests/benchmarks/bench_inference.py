"""How long do 14 settings with the scaling rule take, and what does batching buy?

The papers' notebook takes 391 s for its histogram fits with jackknife of 14 settings. Compared here: our fit of 14
settings of 3000 spacings, compilation included and not; and effective samples a second against the same width posterior
sampled one problem after the other by random-walk Metropolis in plain NumPy.
"""

import time

import numpy as np
from _timing import best_of, table

from coulombgas.inference import fit_temperature, sample_batch
from coulombgas.inference._arviz import effective_sample_size
from coulombgas.inference._models import WIDE, GroupEnergy, group_width
from coulombgas.spectra import make_spectra

NOTEBOOK_SECONDS = 391.0
SETTINGS = [(a, b) for a in (0.02, 0.04, 0.06, 0.08, 0.1, 0.05, 0.03) for b in (8, 32)]


def synthetic(settings, replicas: int = 3000):
    """Stationary teacher-student spectra."""
    rng = np.random.default_rng(0)
    blocks = []
    for alpha, batch in settings:
        width = np.sqrt(alpha / batch * 0.01 * 2 / (2 - alpha * (1 + 3 / batch)))
        draws = rng.standard_normal((replicas, 2, 2))
        blocks.append(np.linalg.eigvalsh(2 * np.eye(2) + width * (draws + np.swapaxes(draws, 1, 2)) / 2))
    return make_spectra(
        np.stack(blocks)[:, :, None, :], learning_rate=[a for a, _ in settings], batch_size=[b for _, b in settings],
        model={"name": "teacher-student", "teacher": [2.0, 2.0], "noise": 0.1}, target=[2.0, 2.0],
        fixed_point=[2.0, 2.0],
    )  # fmt: skip


def plain_numpy(energy: float, freedom: float, draws: int = 4000) -> np.ndarray:
    """Random-walk Metropolis for log width, one problem, tuned step."""
    rng = np.random.default_rng(0)
    step = 2.4 / np.sqrt(2 * freedom)

    def density(log):
        return -0.5 * (log / WIDE) ** 2 - freedom * log - 0.5 * energy * np.exp(-2 * log)

    log = 0.5 * np.log(energy / freedom)
    value, path = density(log), np.empty(draws)
    for i in range(draws):
        proposal = log + step * rng.standard_normal()
        new = density(proposal)
        if np.log(rng.random()) < new - value:
            log, value = proposal, new
        path[i] = log
    return path


def main() -> None:
    spectra = synthetic(SETTINGS)
    start = time.perf_counter()
    fit_temperature(spectra)
    first = time.perf_counter() - start
    again = best_of(lambda: fit_temperature(spectra).settings[0].temperature.mean, repeat=2)
    one = synthetic(SETTINGS[:1])
    single = best_of(lambda: fit_temperature(one).settings[0].temperature.mean, repeat=2)
    ten = synthetic(SETTINGS[:10])
    fit_temperature(ten)
    several = best_of(lambda: fit_temperature(ten).settings[0].temperature.mean, repeat=2)
    table(
        [
            ["papers' notebook, 14 settings (recorded)", NOTEBOOK_SECONDS, 1.0],
            ["14 settings, compilation included", first, NOTEBOOK_SECONDS / first],
            ["14 settings, compiled", again, NOTEBOOK_SECONDS / again],
            ["1 setting, compiled", single, NOTEBOOK_SECONDS / single],
            ["10 settings, compiled", several, NOTEBOOK_SECONDS / several],
        ],
        ["fit", "seconds", "times faster"],
    )
    energy, freedom = np.full(64, 6000.0), np.full(64, 6000.0)
    data, initial = GroupEnergy(energy, freedom), {"width": np.sqrt(energy / freedom)}
    seconds = best_of(lambda: sample_batch(group_width, data, initial).sites["width"], repeat=2)
    ours = sum(effective_sample_size(row) for row in sample_batch(group_width, data, initial).sites["width"]) / seconds
    start = time.perf_counter()
    path = plain_numpy(6000.0, 6000.0)
    theirs = effective_sample_size(path[None]) / (time.perf_counter() - start)
    table(
        [["plain NumPy, one problem at a time", theirs, 1.0], ["batched NUTS, 64 problems", ours, ours / theirs]],
        ["width posterior", "effective samples / s", "ratio"],
    )


if __name__ == "__main__":
    main()
