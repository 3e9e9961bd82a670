"""Noise of levels of a convolutional network and a transformer against per-sample gradients; a control of known noise.

The variance that an update adds is measured by a limit h → 0 of moves over h updates. In the transformer levels relax
within tens of updates (αλ up to 0.2), so that moves over ten of them show 0.7 of the noise: what they forget must be
put back. Moves of single updates show 1 + αλ times the noise instead, for an update is no infinitesimal time. The band
0.7-1.4 holds both.
"""

import numpy as np
import pytest

from coulombgas.motion import level_noise
from tests.motion.real_networks import convolutional, follow, transformer

SETTINGS = {
    convolutional: ((0.05, 16), (0.02, 64), (0.02, 16), (0.05, 64), (0.1, 32), (0.1, 64)),
    transformer: ((0.05, 16), (0.05, 32), (0.1, 8), (0.1, 32), (0.2, 16), (0.2, 32)),
}
WARM = {convolutional: (0.1, 32), transformer: (0.3, 32)}


def ratios_to_truth(kind, settings, *, warm, steps, every, seed=0, **size):
    """Measured over true noise of leading levels and bulk, whether intervals hold it, and verdicts on isotropy."""
    problem = kind(seed, **size)
    rate, batch = WARM[kind] if len(settings) > 1 else (WARM[kind][0], settings[0][1])
    base = follow(problem, problem.start, rate=rate, batch=batch, steps=warm, every=every, seed=100, truths=0).params
    ratios, held, isotropic = [], [], []
    for index, (rate, batch) in enumerate(settings):
        run = follow(problem, base, rate=rate, batch=batch, steps=steps, every=every, seed=index)
        for name, levels in run.levels.items():
            few = levels.shape[1] <= 12
            num = levels.shape[1] if few else levels.shape[1] // 3
            found = level_noise(levels, run.steps, num_leading=num, momentum=0.0)
            isotropic += [found.isotropy.verdict] if found.isotropy is not None and not few else []
            for group in (found.leading, found.bulk):
                if group is not None:
                    exact = float(run.truth[name][list(group.modes)].mean())
                    ratios.append(group.noise.mean / exact)
                    held.append(group.noise.contains(exact))
    return np.array(ratios), np.array(held), isotropic


SYNTHETIC = pytest.mark.full(
    "test_isotropic_noise_is_measured_and_accepted in test_level_noise.py, test_what_levels_forget_is_put_back"
)


@SYNTHETIC
@pytest.mark.parametrize(
    ("kind", "size"), [(convolutional, {}), (transformer, {"width": 16, "windows": 256})], ids=["cnn", "transformer"]
)
def test_noise_of_a_small_network(kind, size):
    """One setting, three hundred updates: all but one ratio in 0.7-1.4, at least two thirds of the intervals hold.

    Of 6 (18) intervals that hold with probability 0.95 fewer than two thirds do once in 400 (a million); levels of one
    network share their batches.
    """
    ratios, held, isotropic = ratios_to_truth(kind, SETTINGS[kind][:1], warm=300, steps=320, every=4, **size)
    assert ratios.size >= 6
    assert np.count_nonzero((ratios < 0.7) | (ratios > 1.4)) <= 1, ratios
    assert held.mean() >= 2 / 3
    assert "isotropic" not in isotropic


@SYNTHETIC
@pytest.mark.parametrize("kind", [convolutional, transformer], ids=["cnn", "transformer"])
def test_noise_at_six_settings(kind):
    """Six settings: ratios in 0.7-1.4, 85% of the intervals hold. Isotropy is never established, and refused; in the

    transformer, where levels relax and their noise is known less well, in 95 of 100 matrices: in three of 72, with a
    factor of 1.8 to 2.2 between classes, it cannot be told.
    """
    ratios, held, isotropic = ratios_to_truth(kind, SETTINGS[kind], warm=3000, steps=800, every=5)
    assert np.mean((ratios > 0.7) & (ratios < 1.4)) > 0.97, ratios
    assert held.mean() >= 0.85
    assert "isotropic" not in isotropic
    assert isotropic.count("unknown") <= 0.05 * len(isotropic) * (kind is transformer)


def taught(seed, *, spread=1.0, size=24, rate=0.02, batch=16, every=4, num=80):
    """A linear student beside its teacher, W = W*, with Gaussian inputs and label noise; rows of unlike label noise for
    a spread ≠ 1, which the singular vectors of a diagonal teacher follow."""
    rng = np.random.default_rng(seed)
    teacher = np.diag(2.0 + 0.5 * np.arange(size))
    noise = np.where(np.arange(size) < size // 2, 1.0, spread)
    student, levels = teacher.copy(), []
    for step in range(1, num * every + 1):
        x = rng.standard_normal((size, batch))
        error = (student - teacher) @ x - noise[:, None] * rng.standard_normal((size, batch))
        student = student - rate * error @ x.T / batch
        if step % every == 0:
            levels.append(np.linalg.svd(student, compute_uv=False)[::-1] ** 2)
    return np.array(levels), every * np.arange(1, num + 1), rate**2 / batch


def test_a_student_of_its_teacher_has_isotropic_noise():
    """Eight students: isotropy, refused at 1% where it is true, is established for at least seven; 6 of 8 intervals of
    95% hold α²/B (fewer with probability 0.6%). Control: half of the labels twice as noisy."""
    found = [level_noise(levels, steps, momentum=0.0) for levels, steps, _ in map(taught, range(8))]
    assert sum(one.isotropy.accepted for one in found) >= 7
    assert sum(one.bulk.noise.contains(0.02**2 / 16) for one in found) >= 6
    levels, steps, _ = taught(0, spread=2.0)
    assert not level_noise(levels, steps, momentum=0.0).isotropy.accepted


def relaxing(rates, seed, *, every, num=160):
    """Levels far apart, each the sum of discrete Ornstein-Uhlenbeck processes of these rates an update; unit noise."""
    rng = np.random.default_rng(seed)
    rates = np.asarray(rates)
    parts = rng.standard_normal((12, rates.size)) / np.sqrt(rates * (2 - rates) * rates.size)
    found = []
    for step in range(1, num * every + 1):
        parts = (1 - rates) * parts + rng.standard_normal(parts.shape) / np.sqrt(rates.size)
        if step % every == 0:
            found.append(1000.0 * np.arange(1, 13) + parts.sum(axis=1))
    return np.array(found) ** 2, every * np.arange(1, num + 1)


def raw(levels, every):
    """⟨Δ²⟩ − ⟨ΔΔ'⟩ an update."""
    moves = np.diff(np.sqrt(levels), axis=0)
    return ((moves**2).mean() - (moves[1:] * moves[:-1]).mean()) / every


@pytest.mark.parametrize("rates", [[0.1], np.geomspace(0.003, 0.3, 12), [0.0005]], ids=["one", "many", "slow"])
def test_what_levels_forget_is_put_back(rates):
    """Ten sets of levels that relax within ten updates: at least 8 of 10 intervals of 95% hold the noise (fewer with
    probability 1%). Control: moves as they are show (1 − ρ)(3 − ρ)/(Ω(2 − Ω)h) of it, ρ = (1 − Ω)^h, to 4.5 errors."""
    sets = [relaxing(rates, seed, every=10) for seed in range(10)]
    found = [level_noise(levels, steps, num_leading=12, momentum=0.0).leading for levels, steps in sets]
    assert sum(one is not None and one.noise.contains(1.0) for one in found) >= 8
    kept, rates = (1 - np.asarray(rates)) ** 10, np.asarray(rates)
    shown = ((1 - kept) * (3 - kept) / (rates * (2 - rates) * 10)).mean()
    seen = np.array([raw(levels, 10) for levels, _ in sets])
    assert abs(seen.mean() - shown) < 4.5 * seen.std(ddof=1) / np.sqrt(10)
    assert (shown < 0.95) == (rates.max() > 0.01)


def test_levels_that_forget_too_much_are_left_out():
    """Fast relaxation of the leading half, none of the rest: nothing is said of the first, and why."""
    fast, steps = relaxing(np.geomspace(0.03, 0.5, 12), 0, every=20)
    slow, _ = relaxing([0.0005], 1, every=20)
    levels = np.concatenate([slow[:, :6], fast[:, 6:]], axis=1)
    found = level_noise(levels, steps, num_leading=6, momentum=0.0)
    assert found.leading is None
    assert found.bulk.noise.contains(1.0)
    assert "leading levels relax between records 20 updates apart: record more often" in found.reason
    assert np.isnan(found.levels[6:]).all()
