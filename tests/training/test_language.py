"""Training a transformer: it learns, replicas are independent of company, a killed run ends the same."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import coulombgas as cg
from coulombgas.models import gpt_size, read_corpus
from coulombgas.training import LanguageTraining, read_recording, train_language_model
from coulombgas.training import _language_run as run_module
from coulombgas.training._language import make_optimizer, make_schedule


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "t.txt"
    path.write_text("the level repels the level and the gas is warm. " * 80)
    return read_corpus(path)


CONFIG = LanguageTraining(
    size=gpt_size("tiny", width=16, num_heads=2, num_layers=1, context=16), steps=60, batch_size=8, warmup=10,
    learning_rate=1e-2, replicas=2, record_every=20, evaluate_every=30, evaluation_windows=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(corpus, tmp_path_factory):
    return train_language_model(CONFIG, corpus, out=tmp_path_factory.mktemp("run") / "r")


def test_it_learns(run, corpus):
    loss = run.losses.validation_loss
    assert loss.dims == ("replica", "step")
    assert loss.step.values.tolist() == [0, 30, 60]
    np.testing.assert_allclose(loss[:, 0], np.log(len(corpus.alphabet)), rtol=0.02)
    assert (loss[:, -1] < 0.9 * corpus.unigram_entropy).all()
    assert (np.diff(loss, axis=1) < 0).all()


def test_spectra_and_weights_are_kept(run):
    recording = read_recording(run.path / "spectra.zarr", replica=1, select="*.attn.key")
    assert recording.steps == (0, 20, 40, 60)
    final = cg.load_spectra(run.path / "final_1.safetensors", select="*.attn.key")
    np.testing.assert_allclose(recording[-1].eigenvalues, final[0].eigenvalues, rtol=1e-6)
    initial = cg.load_spectra(run.path / "initial_1.safetensors", select="*.attn.key")
    np.testing.assert_allclose(recording[0].eigenvalues, initial[0].eigenvalues, rtol=1e-6)
    assert json.loads((run.path / "config.json").read_text())["config"]["steps"] == 60
    losses = json.loads((run.path / "losses.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    assert [entry["step"] for entry in losses] == [0, 30, 60]
    assert losses[0]["train"] is None


def test_a_replica_has_its_own_numbers(run, corpus):
    """Replica 0 beside another one: its levels to the last bit, by the programs of the run. Control: the other one."""
    trainer = run_module.LanguageTrainer(CONFIG, corpus)
    own, other = trainer._keys
    alone = run_module.LanguageTrainer(replace(CONFIG, replicas=1), corpus)
    assert alone._keys[0] == own
    trainer._keys = jnp.stack([other, own])
    model = trainer.advance(trainer.start(), 0, CONFIG.steps).model
    for ours, theirs in zip(jax.tree.leaves(model), jax.tree.leaves(run.model), strict=True):
        np.testing.assert_array_equal(ours, theirs[::-1])
        assert not np.array_equal(ours, theirs) or (theirs[0] == theirs[1]).all()


@pytest.mark.full("test_a_replica_has_its_own_numbers in test_language.py")
def test_a_replica_does_not_depend_on_its_company(run, corpus, tmp_path):
    alone = train_language_model(replace(CONFIG, replicas=1), corpus, out=tmp_path / "a")
    mine, first, second = (
        {
            layer.name: layer.eigenvalues
            for layer in read_recording(path / "spectra.zarr", replica=i)
            if layer.step == 20
        }
        for path, i in ((alone.path, 0), (run.path, 0), (run.path, 1))
    )
    assert len(mine) == 6
    for name, levels in mine.items():
        np.testing.assert_allclose(levels, first[name], rtol=2e-4, atol=2e-4 * levels[-1])
        assert not np.allclose(levels, second[name], rtol=2e-3)  # control: another replica


def test_an_interrupted_run_ends_bit_for_bit_the_same(run, corpus, tmp_path, monkeypatch):
    out = tmp_path / "r"
    advance = run_module.LanguageTrainer.advance

    def killed(self, state, first, last):
        if first >= 40:
            raise KeyboardInterrupt
        return advance(self, state, first, last)

    monkeypatch.setattr(run_module.LanguageTrainer, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        train_language_model(CONFIG, corpus, out=out, checkpoint_seconds=0.0)
    assert not out.exists()
    monkeypatch.setattr(run_module.LanguageTrainer, "advance", advance)
    with pytest.raises(cg.InputError, match="differs in learning_rate"):
        train_language_model(replace(CONFIG, learning_rate=0.02), corpus, out=out, resume=True)
    again = train_language_model(CONFIG, corpus, out=out, resume=True)
    for ours, theirs in zip(jax.tree.leaves(again.model), jax.tree.leaves(run.model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(again.losses.validation_loss, run.losses.validation_loss)
    np.testing.assert_array_equal(again.losses.train_loss, run.losses.train_loss)
    assert read_recording(out / "spectra.zarr").steps == (0, 20, 40, 60)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r"]


def test_an_interrupt_before_the_first_checkpoint_leaves_nothing(corpus, tmp_path, monkeypatch):
    def killed(self, state, first, last):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.LanguageTrainer, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        train_language_model(CONFIG, corpus, out=tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


SGD = replace(CONFIG, optimizer="sgd", momentum=0.9, steps=30, learning_rate=0.1, replicas=1)


@pytest.mark.full("test_sgd_is_its_definition in test_language.py")
def test_sgd_learns(corpus, tmp_path):
    calm = train_language_model(SGD, corpus, out=tmp_path / "a")
    assert float(calm.losses.validation_loss[0, -1]) < float(calm.losses.validation_loss[0, 0])


def test_sgd_is_its_definition():
    """Two updates by v' = m v + g + λw, w' = w − α v' at the rates of the schedule; vectors do not decay."""
    params = {"w": np.full((1, 2), 0.5, np.float32), "b": np.full(2, 0.5, np.float32)}
    slope = {"w": np.float32([[1.0, -2.0]]), "b": np.float32([0.25, 0.0])}
    rule, schedule = make_optimizer(replace(SGD, weight_decay=0.3, gradient_clip=0.0)), make_schedule(SGD)
    state, velocity, expected = rule.init(params), {"w": 0.0, "b": 0.0}, dict(params)
    for step in range(2):
        change, state = rule.update(slope, state, params)
        for name, decay in (("w", 0.3), ("b", 0.0)):
            velocity[name] = 0.9 * velocity[name] + slope[name] + decay * expected[name]
            expected[name] = expected[name] - float(schedule(step)) * velocity[name]
            params[name] = params[name] + np.asarray(change[name])
            np.testing.assert_allclose(params[name], expected[name], rtol=1e-6)


def test_a_loss_that_explodes(corpus, tmp_path, monkeypatch, reduced):
    """In the quick form the programs of the run, whose weights are lost on the way."""
    config, rate = replace(SGD, learning_rate=1e15, gradient_clip=0.0), "1e\\+15"
    if reduced:
        config, rate, advance = CONFIG, "0.01", run_module.LanguageTrainer.advance

        def lost(*arguments):
            state = advance(*arguments)
            return state._replace(model=jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), state.model))

        monkeypatch.setattr(run_module.LanguageTrainer, "advance", lost)
    with pytest.raises(cg.InputError, match=f"`learning_rate` {rate} is too large"):
        train_language_model(config, corpus, out=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_schedule_warms_up_and_ends_at_a_tenth():
    schedule = make_schedule(replace(CONFIG, steps=100, warmup=10, learning_rate=1.0))
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(10)) == pytest.approx(1.0)
    assert float(schedule(55)) == pytest.approx(0.55, abs=0.01)
    assert float(schedule(100)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"steps": 0}, "`steps`"),
        ({"learning_rate": -1.0}, "`learning_rate`"),
        ({"learning_rate": 1e20}, "`learning_rate` must lie between"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"optimizer": "lion"}, "`optimizer`"),
        ({"compute_dtype": "int8"}, "`compute_dtype`"),
    ],
)
def test_bad_configurations_are_named(changes, match):
    with pytest.raises(cg.InputError, match=match):
        replace(CONFIG, **changes)


def test_a_text_shorter_than_the_context_is_refused(tmp_path):
    (tmp_path / "t.txt").write_text("ab" * 50)
    with pytest.raises(cg.InputError, match="fewer than `context`"):
        train_language_model(CONFIG, read_corpus(tmp_path / "t.txt"), out=tmp_path / "r")
