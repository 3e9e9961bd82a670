"""A user's own .npz: every field under its own name, nothing ignored in silence."""

import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import coulombgas as cg
from coulombgas._checks import InputError
from coulombgas.models import GaussianRBM, MatrixDyson, Model, TeacherStudent, TwoLayerLinear, from_config
from coulombgas.spectra import assumed, has_model, make_spectra, model_config, read_spectra, training_config
from coulombgas.spectra._user_keys import MODELS, OPTIMIZER, OPTIMIZERS, nearest_key
from coulombgas.training import Optimizer

CLASSES: dict[str, type[Model]] = {c.name: c for c in (GaussianRBM, TeacherStudent, TwoLayerLinear, MatrixDyson)}
PLAIN: dict[str, Any] = {"eigenvalue": np.array([[5.1, 1.0, 3.0], [5.0, 1.1, 3.2]]), "learning_rate": 0.02, "batch_size": 16}  # noqa: E501  # fmt: skip
RBM: dict[str, Any] = {**PLAIN, "model": "rbm", "target": [4.0, 6.0, 8.0], "mu2": 9.0}
STUDENT: dict[str, Any] = {**PLAIN, "model": "teacher-student", "target": [1.0, 3.0, 5.0], "noise": 0.1}
TWO_LAYER: dict[str, Any] = {**PLAIN, "model": "two-layer", "teacher": [5.0, 1.0, 3.0], "label_noise": 0.2}
DYSON: dict[str, Any] = {**PLAIN, "model": "matrix-dyson", "target": [1.0, 3.0, 5.0], "rate": 0.5, "noise2": 0.01}
FILES = {"rbm": RBM, "teacher-student": STUDENT, "two-layer": TWO_LAYER, "matrix-dyson": DYSON}


@pytest.fixture
def read(tmp_path):
    """A function: arrays through a file and back as spectra; None leaves a key out."""

    def through_file(base: Mapping[str, Any], **changes: Any):
        arrays = {name: value for name, value in {**base, **changes}.items() if value is not None}
        np.savez(tmp_path / "mine.npz", **arrays)
        return read_spectra(tmp_path / "mine.npz")

    return through_file


# --- the tables against the classes they describe ---


@pytest.mark.parametrize("name", MODELS)
def test_the_fields_are_those_of_the_model(name):
    assert set(MODELS) == set(CLASSES)
    arguments = set(inspect.signature(CLASSES[name].__init__).parameters) - {"self"}
    assert set(MODELS[name]) == arguments
    assert set(CLASSES[name]().config()) - {"name"} <= set(MODELS[name])


def test_the_optimizer_is_the_one_that_trains():
    assert ("name", *OPTIMIZER) == Optimizer._fields
    assert {key: field.assumed for key, field in OPTIMIZER.items()} == {
        key: value for key, value in Optimizer._field_defaults.items() if key != "name"
    }
    for name in OPTIMIZERS:
        Optimizer(name).check()  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError):
        Optimizer("lion").check()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", MODELS)
def test_what_is_read_is_the_model(read, name):
    spectra = read(FILES[name])
    model = from_config(model_config(spectra))
    assert type(model) is CLASSES[name]
    np.testing.assert_allclose(spectra.fixed_point, model.fixed_point)
    np.testing.assert_allclose(spectra.target, model.target_modes)
    for key, value in assumed(spectra).items():
        if key in MODELS[name]:
            assert getattr(model, key) == value


@pytest.mark.parametrize(
    "model",
    [
        GaussianRBM(
            num_hidden=3, target=(4.0, 5.0, 6.0, 7.0, 8.0), gibbs_steps=1, chains="data", sigma_h2=0.5, mu2=10.0
        ),
        GaussianRBM(target_covariance=np.diag([0.25, 0.2, 0.125]) + 0.01, target_mean=(1.0, 0.0, 2.0), sampler="naive"),
        TeacherStudent(teacher=(1.0, 3.0, 5.0), noise=0.3, inputs="quenched", num_batches=7),
        TwoLayerLinear(teacher=(1.0, 3.0, 5.0), num_hidden=4, trained="first", balance=2.0, label_noise=0.3),
        MatrixDyson(target=(1.0, 3.0, 5.0), rate=np.ones((3, 3)) + np.eye(3), noise2=0.02),
    ],
    ids=lambda model: model.name,
)
def test_a_configuration_survives_the_file(read, model):
    config = model.config()
    spectra = read(PLAIN, model=config.pop("name"), **config, optimizer="sgd", sampling="with-replacement")
    assert from_config(model_config(spectra)).config() == model.config()
    assert assumed(spectra) == {}
    np.testing.assert_allclose(spectra.fixed_point, model.fixed_point)


@pytest.mark.parametrize(
    "optimizer",
    [
        Optimizer(),
        Optimizer("momentum", momentum=0.5),
        Optimizer("nesterov", momentum=0.8, weight_decay=0.1),
        Optimizer("adam", momentum=0.8, second_moment=0.99, epsilon=1e-6),
        Optimizer(weight_decay=0.1),
        Optimizer(schedule="cosine", schedule_steps=100, schedule_end=0.2),
    ],
    ids=lambda optimizer: optimizer.name,
)
def test_an_optimizer_survives_the_file(read, optimizer):
    changed = {key: value for key, value in optimizer._asdict().items() if value != Optimizer._field_defaults[key]}
    changed = {"optimizer": changed.pop("name", "sgd"), **changed}
    training = training_config(read(STUDENT, **changed, steps=90, step=80))
    assert training["optimizer"] == optimizer.config()
    assert (training["steps"], training["layout"]) == (90, "user npz")


# --- what is assumed is said ---


@pytest.mark.parametrize(
    ("base", "given", "expected"),
    [
        (RBM, {}, {"sigma_h2": 1.0, "gibbs_steps": 3, "chains": "persistent", "num_hidden": 3, "optimizer": "sgd", "sampling": "with-replacement"}),  # noqa: E501
        (RBM, {"sigma_h2": 1.0, "gibbs_steps": 1, "chains": "data", "num_hidden": 3, "optimizer": "sgd", "sampling": "epoch", "updates_per_epoch": 4}, {}),  # noqa: E501
        (STUDENT, {}, {"inputs": "fresh", "optimizer": "sgd", "sampling": "with-replacement"}),
        (TWO_LAYER, {"sampling": "with-replacement"}, {"trained": "both", "balance": 1.0, "optimizer": "sgd"}),
        (DYSON, {"sampling": "with-replacement", "optimizer": "momentum"}, {"momentum": 0.9}),
        (PLAIN, {}, {"optimizer": "sgd", "sampling": "with-replacement"}),
        (PLAIN, {"optimizer": "sgd", "schedule": "linear", "steps": 50, "sampling": "with-replacement"}, {"schedule_steps": 50, "schedule_end": 0.1}),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_not_given_and_matters_is_named(read, base, given, expected):
    assert assumed(read(base, **given)) == expected


def test_the_readme_layout_stays_readable(read):
    spectra = read(RBM, sigma_h2=2.0)
    assert model_config(spectra)["target"] == [4.0, 6.0, 8.0]
    assert (model_config(spectra)["sigma_h2"], model_config(spectra)["num_visible"]) == (2.0, 3)
    assert training_config(spectra)["optimizer"] == {"name": "sgd"}
    assert model_config(read(STUDENT, inputs="quenched"))["inputs"] == "quenched"


def test_targets_that_no_hidden_unit_learns(read):
    spectra = read(RBM, target=[8.5, 4.0, 6.0, 8.0, 12.0])
    assert model_config(spectra)["num_hidden"] == 3  # three modes of five visible units: nothing else is possible
    assert "num_hidden" not in assumed(spectra)
    np.testing.assert_array_equal(spectra.fixed_point, [1.0, 3.0, 5.0])
    assert "num_hidden" not in assumed(read(RBM, target=[8.5, 4.0, 6.0, 8.0], num_hidden=3, num_visible=4))


# --- without a model ---


def test_several_settings_without_a_model(read):
    levels = np.random.default_rng(0).normal(size=(4, 5, 3))
    spectra = read(PLAIN, eigenvalue=levels, learning_rate=[0.1, 0.2, 0.3, 0.4], optimizer="momentum", momentum=0.5)
    assert dict(spectra.sizes) == {"setting": 4, "replica": 5, "step": 1, "mode": 3}
    assert spectra.batch_size.values.tolist() == [16, 16, 16, 16]
    assert not has_model(spectra)
    assert "target" not in spectra.coords
    with pytest.raises(InputError, match="which model"):
        model_config(spectra)
    assert json.loads(spectra.attrs["config"])["model"] is None
    assert training_config(spectra)["optimizer"]["momentum"] == 0.5


def test_several_records(read):
    levels = np.random.default_rng(0).normal(size=(1, 5, 2, 3))
    spectra = read(PLAIN, eigenvalue=levels, step=[50, 100], steps=100)
    assert spectra.step.values.tolist() == [50, 100]
    assert read(PLAIN, steps=70).step.values.tolist() == [70]
    assert read(PLAIN, step=60).step.values.tolist() == [60]


def test_accessors_of_other_spectra():
    spectra = make_spectra(np.ones((1, 2, 1, 1)), learning_rate=[1.0], batch_size=[1], model={"name": "rbm"})
    assert (has_model(spectra), training_config(spectra), assumed(spectra)) == (True, {}, {})
    assert "assumed" not in json.loads(spectra.attrs["config"])
    bare = spectra.assign_attrs(config="[]")
    assert (has_model(bare), training_config(bare), assumed(bare)) == (False, {}, {})


# --- what is refused, in one line that names the key ---


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("gibs_steps", "gibbs_steps"), ("lr", "learning_rate"), ("k", "gibbs_steps"), ("eigenvalues", "eigenvalue"),
        ("targets", "target"), ("Momentum", "momentum"), ("optimiser", "optimizer"), ("sigma_h", "sigma_h2"),
        ("hidden", "num_hidden"), ("weight-decay", "weight_decay"), ("chain", "chains"), ("mu", "mu2"),
        ("updates", "updates_per_epoch"), ("labelnoise", "label_noise"), ("teachers", "teacher"),
    ],
)  # fmt: skip
def test_unknown_keys_name_the_nearest(read, key, known):
    assert nearest_key(key) == known
    with pytest.raises(InputError, match=f"`{key}` is not a known key, the nearest one is `{known}`") as caught:
        read(RBM, **{key: 1.0})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "changes", "match"),
    [
        (STUDENT, {"mu2": 9.0}, "`mu2` is a field of 'rbm', not of 'teacher-student'"),
        (RBM, {"noise": 0.1}, "`noise` is a field of 'teacher-student', not of 'rbm'"),
        (RBM, {"teacher": [1.0, 2.0, 3.0]}, "`teacher` is a field of 'teacher-student' and 'two-layer'"),
        (STUDENT, {"teacher": [1.0, 3.0, 5.0]}, "`target` and `teacher` are two names"),
        (RBM, {"target_covariance": np.eye(3)}, "`target` and `target_covariance`"),
        (STUDENT, {"momentum": 0.9}, "`momentum` has no meaning for `optimizer` = 'sgd'"),
        (STUDENT, {"optimizer": "sgd", "momentum": 0.9}, "set `optimizer` to 'momentum' or 'nesterov' or 'adam'"),
        (STUDENT, {"optimizer": "momentum", "epsilon": 1e-8}, "`epsilon` has no meaning for `optimizer` = 'momentum'"),
        (STUDENT, {"optimizer": "rmsprop"}, "`optimizer` must be one of 'sgd'"),
        (STUDENT, {"optimizer": "momentum", "momentum": 1.0}, "`momentum` must lie between 0 and 1"),
        (STUDENT, {"schedule_end": 0.1}, "`schedule_end` has no meaning for a constant schedule"),
        (STUDENT, {"schedule": "cosine"}, "`steps` is missing"),
        (STUDENT, {"schedule": "cosine", "schedule_steps": 10}, "`steps` is missing"),
        (STUDENT, {"schedule": "cosine", "step": 10}, "`steps` is missing"),
        (STUDENT, {"sampling": "epoch"}, "`updates_per_epoch` is missing"),
        (STUDENT, {"updates_per_epoch": 5}, "`updates_per_epoch` needs `sampling` = 'epoch'"),
        (STUDENT, {"sampling": "with-replacement", "updates_per_epoch": 5}, "`updates_per_epoch` has no meaning"),
        (STUDENT, {"steps": 5, "step": 6}, "`step` must not lie beyond the 5 updates"),
        (STUDENT, {"steps": 5.5}, "`steps` must be a whole number"),
        (STUDENT, {"target": None}, "`target` is missing"),
        (RBM, {"target": None}, "`target` is missing"),
        (RBM, {"target": [4.0, 6.0]}, "`target` must hold a value for each of the 3 modes"),
        (RBM, {"num_visible": 4}, "`target` must hold one value for each of the 4 visible units"),
        (RBM, {"num_hidden": 2}, "`eigenvalue` has 3 modes, an RBM of 3 visible and 2 hidden units has 2"),
        (RBM, {"chains": "data", "gibbs_steps": 0}, "`gibbs_steps` must be at least 1"),
        (RBM, {"chains": "cd"}, "`chains` must be one of 'persistent', 'data', got 'cd'"),
        (RBM, {"chains": 1}, "`chains` must be one word, got 1"),
        (RBM, {"mu2": [9.0, 8.0]}, r"`mu2` must be one number, got shape \(2,\)"),
        (RBM, {"target": None, "target_covariance": -np.eye(3)}, "positive definite"),
        (TWO_LAYER, {"teacher": [-1.0, 2.0, 3.0]}, "`teacher` must be positive"),
        (TWO_LAYER, {"label_noise": None}, "`label_noise` is missing"),
        (DYSON, {"noise2": None}, "`noise2` is missing"),
        (DYSON, {"target": [1.0, 3.0]}, "`target` must hold one value for each of the 3 modes"),
        (PLAIN, {"mu2": 9.0}, "`mu2` needs `model` beside it"),
        (PLAIN, {"target": [1.0, 3.0, 5.0]}, "`target` needs `model` beside it"),
        (PLAIN, {"model": "mlp"}, "`model` must be one of 'rbm', .* got 'mlp': leave `model`"),
        (PLAIN, {"model": ["rbm", "rbm"]}, "`model` must be one word"),
        (PLAIN, {"batch_size": None}, "`batch_size` is missing"),
        (PLAIN, {"eigenvalue": np.ones((2, 3, 4))}, "one number each for the 2 settings"),
        (PLAIN, {"eigenvalue": np.ones((2, 3, 4)), "learning_rate": [0.1, 0.2, 0.3]}, "or 2 for the 2 settings"),
        (PLAIN, {"eigenvalue": np.ones((2, 3, 4)), "learning_rate": [0.1, -0.2]}, "`learning_rate` must be positive"),
        (PLAIN, {"eigenvalue": np.ones((1, 2, 3, 4))}, "`step` is missing: add the update of each of the 3 records"),
        (PLAIN, {"eigenvalue": np.ones((1, 2, 3, 4)), "step": [1, 3, 2]}, "`step` must be ascending"),
        (PLAIN, {"eigenvalue": np.ones((2, 0))}, "`eigenvalue` must have shape"),
    ],
)  # fmt: skip
def test_wrong_and_meaningless_keys_are_refused(read, base, changes, match):
    with pytest.raises(cg.InputError, match=match) as caught:
        read(base, **changes)
    assert "\n" not in str(caught.value)
    assert "mine.npz" in str(caught.value)
