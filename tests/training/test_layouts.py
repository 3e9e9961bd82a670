"""Every sampler in every layout trains to one law: that of a loop over NumPy arrays."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from coulombgas.models import GaussianRBM, Setting, TeacherStudent, TwoLayerLinear, free_scalar_field, key_words
from coulombgas.training import _layout, merge_stores, train

MU2, BATCH, STEPS, REPLICAS = 9.0, 16, 60, 48
FALSE_ALARM = 1e-4  # of each comparison, at fixed seeds
CASES = [
    (12, "gram", "leading"),
    (12, "naive", "leading"),
    (12, "collapsed", "trailing"),
    (12, "naive", "trailing"),
    (12, "gram", "trailing"),
    (12, "collapsed", "leading"),
    (64, "collapsed", "leading"),
    (64, "naive", "leading"),
    (128, "naive", "leading"),
    (128, "collapsed", "leading"),
]
FULL = {
    "leading": pytest.mark.full("its first case; test_chains_remember_by_the_power_of_the_gibbs_steps[2-naive]"),
    "trailing": pytest.mark.full("test_rbm_follows_the_laws_of_the_paper in test_train.py; the samplers as above"),
}


@functools.cache
def numpy_levels(size: int, rate: float, seed: int) -> np.ndarray:
    """Levels (replica, mode) of machines with PCD-3, Gibbs step by Gibbs step."""
    random = np.random.default_rng(seed)
    kappa = free_scalar_field(size)
    weights = np.tile(np.diag(np.sqrt(MU2 - kappa)), (REPLICAS, 1, 1))
    chain = random.normal(size=(REPLICAS, size, BATCH)) / np.sqrt(kappa)[:, None]
    for _ in range(STEPS):
        for _ in range(3):
            hidden = weights.transpose(0, 2, 1) @ chain + random.normal(size=chain.shape)
            chain = (weights @ hidden + np.sqrt(MU2) * random.normal(size=chain.shape)) / MU2
        moment = chain @ chain.transpose(0, 2, 1) / BATCH - np.diag(1 / kappa)
        weights = weights - rate * moment @ weights
    return np.linalg.eigvalsh(weights @ weights.transpose(0, 2, 1))


def smallest_p(ours: np.ndarray, others: np.ndarray) -> float:
    """Three numbers for each replica: sum of the levels, mean square deviation from the fixed point, largest gap."""
    fixed = np.sort(MU2 - free_scalar_field(ours.shape[1]))

    def numbers(levels: np.ndarray) -> list[np.ndarray]:
        return [levels.sum(axis=1), ((levels - fixed) ** 2).mean(axis=1), np.diff(levels, axis=1).max(axis=1)]

    pairs = list(zip(numbers(ours), numbers(others), strict=True))
    return len(pairs) * min(scipy.stats.ks_2samp(*pair).pvalue for pair in pairs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "sampler", "layout"), [CASES[0], *(pytest.param(*case, marks=FULL[case[2]]) for case in CASES[1:])]
)
def test_every_sampler_and_layout_has_the_law_of_a_loop(monkeypatch, size, sampler, layout):
    monkeypatch.setattr(_layout, "TRAILING_UP_TO", 128 if layout == "trailing" else 0)
    monkeypatch.setattr(_layout, "_TRAILING_STATE", 10**6)
    model = GaussianRBM(num_visible=size, sampler=sampler)
    spectra = train(  # in two chunks: each on one thread if the replicas lead
        model,
        learning_rate=0.05,
        batch_size=BATCH,
        replicas=REPLICAS,
        steps=STEPS,
        seed=3,
        init="fixed-point",
        chunk=REPLICAS // 2,
    )
    assert spectra.attrs["config"].count(f'"sampler": "{sampler}", "replicas": "{layout}"') == 1
    levels = spectra.eigenvalue.values[0, :, -1]
    assert smallest_p(levels, numpy_levels(size, 0.05, 0)) > FALSE_ALARM
    assert smallest_p(levels, numpy_levels(size, 0.1, 1)) < 1e-6  # twice the temperature


@pytest.mark.parametrize("model", [TeacherStudent(teacher=(2.0,) * 20), TwoLayerLinear(teacher=(2.0,) * 20)])
def test_a_batch_smaller_than_the_matrix_has_the_gradient_of_the_whole_formula(model):
    """By way of the batch no square matrix is built; the numbers drawn are the same."""
    key, shared = (key_words(jax.random.key(seed)) for seed in (1, 2))
    setting = Setting(learning_rate=jnp.float32(0.1), key=shared, batch_size=4)

    @jax.jit
    def both():
        weights, memory = model.start(key=key, setting=setting, init="random", dtype=np.float32)
        found, _ = model.gradient(weights, memory, key=key, setting=setting, step=jnp.int32(5))
        trailing = jax.tree.map(lambda leaf: leaf[..., None], weights)
        expected, _ = model.gradient(trailing, memory, key=key[:, None], setting=setting, step=jnp.int32(5))
        return jax.tree.leaves(found), [leaf[..., 0] for leaf in jax.tree.leaves(expected)]

    for one, other in zip(*both(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_what_was_chosen_follows_the_sizes():
    """Small batches of large machines go step by step, large ones of small machines through their Gram matrix."""
    chosen = {
        (size, batch): GaussianRBM(num_visible=size).sampler_for(batch)
        for size, batch in [(10, 16), (10, 4), (10, 1024), (64, 16), (256, 16), (64, 2048)]
    }
    assert chosen == {
        (10, 16): "collapsed", (10, 4): "collapsed", (10, 1024): "gram",
        (64, 16): "naive", (256, 16): "naive", (64, 2048): "gram",
    }  # fmt: skip
    assert GaussianRBM(sampler="gram").sampler_for(8) == "collapsed"  # a batch below N has no factor
    assert GaussianRBM(chains="data").sampler_for(1024) == "collapsed"


LARGE = GaussianRBM(num_visible=64)
CHUNKS = {"batch_size": BATCH, "replicas": 8, "init": "fixed-point", "chunk": 4}


def test_shares_of_a_run_of_large_machines_have_its_bits():
    """A chunk among several keeps to one thread, which can change the last bits: a share alone must do the same."""
    run = {**CHUNKS, "learning_rate": 0.05, "steps": 20}
    whole = train(LARGE, **run)
    shares = [train(LARGE, **run, shard=(index, 2)).eigenvalue.values for index in range(2)]
    np.testing.assert_array_equal(np.concatenate(shares, axis=1), whole.eigenvalue)


def test_what_was_chosen_stands_in_the_store_and_settings_that_chose_differently_are_merged(tmp_path):
    model, run = GaussianRBM(num_visible=2), {"learning_rate": 0.1, "replicas": 10, "steps": 1}
    paths = [tmp_path / f"{batch}.zarr" for batch in (512, 4)]
    for path in paths:
        train(model, batch_size=int(path.stem), out=path, **run)
    merged = merge_stores(paths, out=tmp_path / "both.zarr")
    update = json.loads(merged.attrs["config"])["training"]["update"]
    assert merged.batch_size.values.tolist() == [512, 4]
    assert update == [
        {"sampler": "gram", "replicas": "trailing"},
        {"sampler": "collapsed", "replicas": "trailing"},
    ]
    # the merged store is the run of both settings: it resumes as finished
    both = {**run, "batch_size": merged.batch_size.values.tolist(), "out": tmp_path / "both.zarr"}
    assert train(model, resume=True, **both).sizes["setting"] == 2


def test_a_large_machine_that_diverges_is_noticed_at_the_next_look():
    """Beyond 12 levels the domain is looked at every 64 updates and at each record, wherever segments end."""
    spectra = train(LARGE, **CHUNKS, learning_rate=0.9, steps=200, record=[100, 200])
    failed = spectra.failed_step.values[0]
    assert (failed > 0).all()
    assert np.isin(failed, [64, 100, 128, 192, 200]).all()
    assert np.isnan(spectra.eigenvalue.values[0, :, -1]).all()
