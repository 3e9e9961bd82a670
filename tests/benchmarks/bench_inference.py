"""How long do 14 settings with the scaling rule take, and what does sharing one program buy?

The papers' notebook takes 391 s for its histogram fits with jackknife of 14 settings. Compared here: our fit of 14
settings of 3000 spacings, compilation included and not; and effective samples a second, of NUTS for a batch and of
independent draws, against the same model in plain NumPyro: one ``MCMC`` object for all problems, chains vectorised,
``jit_model_args=True``.
"""

import resource
import time

import jax
import numpy as np
from _timing import best_of, table
from numpyro.infer import MCMC, NUTS

from coulombgas._arviz import effective_sample_size
from coulombgas._precision import x64
from coulombgas.inference import fit_model, fit_temperature, sample_batch
from coulombgas.inference._problem import Problem
from coulombgas.inference._programs import SettingEnergies, common_temperature
from coulombgas.inference.temperature._exact import sample_temperature
from coulombgas.spectra import make_spectra

NOTEBOOK_SECONDS = 391.0
_FEW = 3  # problems for plain NumPyro, which takes seconds for each
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
        model={"name": "teacher-student", "teacher": [2.0, 2.0], "noise": 0.1, "inputs": "fresh"}, target=[2.0, 2.0],
        fixed_point=[2.0, 2.0],
    )  # fmt: skip


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def fits() -> None:
    """Times of whole fits."""
    spectra, one, ten = synthetic(SETTINGS), synthetic(SETTINGS[:1]), synthetic(SETTINGS[:10])
    wall, cpu = time.perf_counter(), cpu_seconds()
    fit_temperature(spectra)
    first, first_cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    rows = [["papers' notebook, 14 settings (recorded)", NOTEBOOK_SECONDS, 1.0]]
    rows.append([f"14 settings, compilation included ({first_cpu:.1f} s of CPU)", first, NOTEBOOK_SECONDS / first])
    for name, data in (("14 settings", spectra), ("1 setting", one), ("10 settings", ten)):
        seconds = best_of(lambda data=data: fit_temperature(data).settings[0].temperature.mean, repeat=2)
        rows.append([f"{name}, compiled", seconds, NOTEBOOK_SECONDS / seconds])
    for model in ("pair", "rice"):
        seconds = best_of(lambda model=model: fit_model(one, model).groups[0].ess, repeat=3)
        rows.append([f"1 setting, model {model} on all 3000 spacings, compiled", seconds, NOTEBOOK_SECONDS / seconds])
    table(rows, ["fit", "seconds", "times faster"], "posteriors of spacings: two widths")


def problems(num: int) -> tuple[SettingEnergies, dict[str, np.ndarray]]:
    """Settings of four level groups each."""
    shape = (num, 4)
    freedom = np.full(shape, 6000.0)
    energy = freedom * np.random.default_rng(1).chisquare(6000, shape) / 6000
    return SettingEnergies(energy, freedom, np.ones(shape), freedom > 0), {"temperature": np.ones(num)}


def plain_numpyro(data: SettingEnergies, num: int) -> tuple[float, float]:
    """Effective samples a second of one problem after the other, compilation included and not."""
    rows = [jax.tree.map(lambda leaf, row=row: leaf[row], data) for row in range(num)]
    with x64():
        sampler = MCMC(
            NUTS(common_temperature, target_accept_prob=0.9), num_warmup=500, num_samples=1000, num_chains=4,
            chain_method="vectorized", progress_bar=False, jit_model_args=True,
        )  # fmt: skip
        start, sizes, times = time.perf_counter(), [], []
        for seed, row in enumerate(rows):
            sampler.run(jax.random.key(seed), row)
            sizes.append(effective_sample_size(np.asarray(sampler.get_samples(group_by_chain=True)["temperature"])))
            times.append(time.perf_counter() - start)
    return sum(sizes) / times[-1], sum(sizes[1:]) / (times[-1] - times[0])


def ours(data: SettingEnergies, initial: dict[str, np.ndarray]) -> tuple[float, float]:
    """The same by ``sample_batch``, all problems at once."""
    speeds = []
    for seed in (0, 1):
        start = time.perf_counter()
        draws = sample_batch(common_temperature, data, initial, seed=seed)
        sizes = [effective_sample_size(row) for row in draws.sites["temperature"]]
        speeds.append(sum(sizes) / (time.perf_counter() - start))
    return speeds[0], speeds[1]


def exact(data: SettingEnergies, initial: dict[str, np.ndarray]) -> tuple[float, float]:
    """The same as a fit draws them: independently, without compilation."""
    problem = Problem(program=common_temperature, data=data, start=initial, exact=sample_temperature)
    speeds = []
    for seed in (0, 1):
        start = time.perf_counter()
        sizes = [effective_sample_size(row) for row in problem.draw(seed=seed).sites["temperature"]]
        speeds.append(sum(sizes) / (time.perf_counter() - start))
    return speeds[0], speeds[1]


def samplers(num: int = 24) -> None:
    """Effective samples a second."""
    data, initial = problems(num)
    jax.clear_caches()
    theirs, mine, independent = plain_numpyro(data, _FEW), ours(data, initial), exact(data, initial)
    rows = [["plain NumPyro, one problem at a time", *theirs, 1.0], ["sample_batch", *mine, mine[1] / theirs[1]]]
    rows.append(["independent draws, as in a fit", *independent, independent[1] / theirs[1]])
    header = ["temperature of four level groups, 24 settings", "ess / s with compilation", "compiled", "ratio"]
    table(rows, header, "draws of many posteriors at once")


def main() -> None:
    fits()
    samplers()


if __name__ == "__main__":
    main()
