"""Every result answers the same four questions: as text, as rows, as a dataset of those rows, and as a file."""

import importlib
import inspect
import json

import numpy as np
import pytest
import xarray as xr

import coulombgas as cg
from coulombgas import dmft, inference, motion, networks, theory
from coulombgas._checks import InputError
from coulombgas._results import to_dataset
from coulombgas.spectra import layer_spectrum, make_spectra

RESULTS = (
    theory.Theory,
    inference.TemperatureFit,
    inference.ModelFit,
    inference.Comparison,
    inference.Calibration,
    inference.ScalingRule,
    inference.Rescaling,
    motion.MotionFit,
    motion.LevelNoise,
    networks.NetworkAnalysis,
    networks.LayerTrajectory,
    networks.LayerMotion,
    theory.ResponseCurve,
    theory.Measured,
    dmft.Comparison,
)

# every other public class, and why it has no rows of its own
NOT_RESULTS = {
    "a part of a result, whose rows hold it": """
        inference.GroupModelFit inference.LawScore inference.LevelFit inference.NoiseScale inference.RecordedLayer
        inference.RecordedRun inference.ScalingFit inference.SettingFit motion.Band motion.FixedPoint motion.GroupNoise
        motion.Isotropy motion.Stationarity networks.BulkFit networks.GroupMotion networks.Independence
        networks.LayerAnalysis networks.RepulsionFit networks.Spike networks.SpikeBirth networks.SpikeFit
        networks.StructuredBulk networks.TailFit spectra.Change spectra.Localisation spectra.LongRangeStatistic
        spectra.SpacingRatio""",
    "one or two numbers and a judgement, returned by name": """
        dmft.Convergence inference.PredictiveCheck spectra.SmoothingDiagnosis""",
    "arrays whose axes carry no names to make rows of: samples, levels, estimates": """
        ensembles.GasSample ensembles.Trajectory inference.Draws inference.Observations laws.CompositeEstimate
        laws.PartitionFunction spectra.Entries spectra.Participation spectra.ShuffledLevels spectra.StoredArray
        spectra.Unfolding""",
    "what an analysis takes, and what keeps it": """
        models.Corpus spectra.LayerSpectrum spectra.LevelGroup spectra.NetworkSpectra spectra.RecordedTraining
        spectra.BadArray spectra.Checkpoint spectra.SpectraPlan spectra.SpectraStore training.LanguageRun
        training.Metrics training.SpectrumRecorder""",
    "a choice of the user: system, model, optimiser, setting": """
        dmft.DeepLinear dmft.DiagonalNetwork dmft.GOEDynamics dmft.LinearRegression dmft.OnePassSGD dmft.RandomFeatures
        dmft.SpikedMatrixTensor dmft.System ensembles.DysonLevels ensembles.DysonMatrix ensembles.Repulsion
        inference.PaperModel models.GPT models.GPTSize models.GaussianRBM models.MatrixDyson models.Model
        models.RuleModel models.Setting models.TeacherStudent models.TwoLayerLinear networks.Dynamics networks.Window
        training.LanguageTraining training.Optimizer""",
    "a distribution": """
        laws.Brody laws.CoulombGas laws.GaussianBlock laws.LaguerreBlock laws.MarchenkoPastur laws.PairDensity
        laws.PoissonSpacing laws.RiceSpacing laws.Semicircle laws.TracyWidom laws.TwoSpeciesDensity laws.TwoSpeciesPair
        laws.TwoSpeciesSpacing laws.WignerSurmise""",
    "a part of a page": "report.Card report.Section report.Table",
}
NO_RESULTS = ("callbacks", "symbolic")  # recorders of frameworks; expressions, which are written by ``to_latex``


def public_classes():
    packages = [name for name in dir(cg) if name not in cg.__all__ and name not in NO_RESULTS]
    modules = {name: importlib.import_module(f"coulombgas.{name}") for name in packages}
    found = {f"{name}.{each}": getattr(module, each) for name, module in modules.items() for each in module.__all__}
    return {name: each for name, each in found.items() if inspect.isclass(each) and not issubclass(each, BaseException)}


def test_every_public_class_is_a_result_or_left_out_for_a_reason():
    """A class that is added is decided here; a name that went is taken out."""
    left_out = [name for names in NOT_RESULTS.values() for name in names.split()]
    results = [name for name, each in public_classes().items() if each in RESULTS]
    assert sorted([*left_out, *results]) == sorted(public_classes())


def test_what_is_left_out_has_no_half_of_the_protocol():
    for name, each in public_classes().items():
        if each not in RESULTS:
            assert not [form for form in ("table", "records", "dataset") if hasattr(each, form)], name


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.__name__)
def test_every_result_has_the_three_forms(result):
    for form in ("table", "records", "dataset"):
        assert callable(getattr(result, form)), form
        assert getattr(result, form).__doc__


@pytest.mark.parametrize("result", [inference.TemperatureFit, inference.ModelFit])
def test_every_posterior_has_draws_and_a_file(result):
    for form in ("to_datatree", "save"):
        assert callable(getattr(result, form))
    assert isinstance(vars(result)["posterior"].func.__doc__, str)


def test_rows_become_variables():
    rows = [
        {"name": "a", "n": 3, "t": {"mean": 1.5, "lower": 1.0, "upper": 2.0}, "ok": True, "w": None, "more": [1, 2]},
        {"name": "b", "n": 4, "t": {"mean": 2.5, "lower": 2.0, "upper": 3.0}, "ok": False, "w": 0.5, "more": []},
    ]
    found = to_dataset(rows, "row", coords=("name",), source="hand")
    assert set(found.data_vars) == {"n", "t", "t_lower", "t_upper", "ok", "w"}
    np.testing.assert_array_equal(found.t_upper, [2.0, 3.0])
    np.testing.assert_array_equal(found.w, [np.nan, 0.5])
    assert (found.n.dtype.kind, found.ok.dtype.kind) == ("i", "b")
    assert (list(found.name.values), found.attrs) == (["a", "b"], {"source": "hand"})


def test_parts_that_some_rows_lack_are_missing_there():
    rows = [{"bulk": {"edge": 2.0}, "nothing": None}, {"bulk": None, "nothing": None}]
    found = to_dataset(rows, "row")
    assert set(found.data_vars) == {"bulk_edge", "nothing"}
    np.testing.assert_array_equal(found.bulk_edge, [2.0, np.nan])


@pytest.fixture(scope="module")
def analysed():
    """A matrix of noise with one strong signal, and one too small for a bulk."""
    rng = np.random.default_rng(11)
    matrix = rng.standard_normal((60, 40))
    matrix[0, 0] += 60.0
    layers = [layer_spectrum("first", matrix), layer_spectrum("small", rng.standard_normal((6, 4)))]
    return networks.analyse(layers)


def test_the_dataset_of_a_network_is_its_records(analysed):
    rows, found = analysed.records(), analysed.dataset()
    assert json.dumps(json.loads(json.dumps(rows))) == json.dumps(rows)
    assert json.dumps(analysed.as_dict()["matrices"]) == json.dumps(rows)
    assert (found.sizes, list(found.name.values)) == ({"matrix": 2}, ["first", "small"])
    for end, suffix in (("mean", ""), ("lower", "_lower"), ("upper", "_upper")):
        wanted = [row["bulk"]["variance"][end] for row in rows]
        np.testing.assert_array_equal(found[f"bulk_variance{suffix}"], np.array(wanted, dtype=float))
    np.testing.assert_array_equal(found.num_spikes, [rows[0]["num_spikes"], np.nan])
    assert "independence" not in found


def test_the_table_of_a_network_has_a_line_for_each_matrix(analysed):
    header, first, small = analysed.table().splitlines()
    assert header.split()[:2] == ["matrix", "shape"]
    assert first.split()[:2] == ["first", "60×40"]
    assert small.split()[:3] == ["small", "6×4", "–"]
    assert first.index("60×40") == small.index("6×4") == header.index("shape")


@pytest.fixture(scope="module")
def fitted():
    """Pairs of known width: two groups of one setting, grid posteriors."""
    rng = np.random.default_rng(5)
    blocks = 0.05 * rng.standard_normal((2, 400, 2, 2))
    pairs = np.linalg.eigvalsh((blocks + np.swapaxes(blocks, -1, -2)) / 2)
    levels = np.concatenate([pairs[0] + 1.0, pairs[1] + 3.0], axis=-1)
    spectra = make_spectra(
        levels[None, :, None],
        learning_rate=[0.1],
        batch_size=[16],
        target=[1.0, 1.0, 3.0, 3.0],
        fixed_point=[1.0, 1.0, 3.0, 3.0],
        model={"name": "teacher-student", "teacher": [1.0, 1.0, 3.0, 3.0], "noise": 0.1, "inputs": "fresh"},
    )
    return cg.fit_model(spectra, "pair", num_chains=2, num_warmup=100, num_draws=150)


def test_the_dataset_of_a_law_is_its_records(fitted):
    found, rows = fitted.dataset(), fitted.records()
    assert found.sizes == {"group": 2}
    (name,) = rows[0]["parameters"]
    for end, suffix in (("mean", ""), ("lower", "_lower"), ("upper", "_upper")):
        np.testing.assert_array_equal(found[name + suffix], [row["parameters"][name][end] for row in rows])
    assert json.loads(json.dumps(rows)) == rows


def test_a_law_is_read_back_whole(fitted, tmp_path):
    fitted.save(tmp_path / "law.nc")
    back = cg.load_fit(tmp_path / "law.nc")
    assert isinstance(back, inference.ModelFit)
    assert back.records() == fitted.records()
    for one, two in zip(back.groups, fitted.groups, strict=True):
        np.testing.assert_array_equal(one.values, two.values)
        for name in two.draws:
            np.testing.assert_array_equal(one.draws[name], two.draws[name])
    with xr.open_datatree(tmp_path / "law.nc", engine="h5netcdf") as tree:
        assert dict(tree["posterior"].sizes)["group"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: tree["posterior"].attrs.update(description="{}"), "description"),
        (lambda tree: tree["observed_data"].observations.values.__setitem__(0, 7), "observations"),
        (lambda tree: tree["observed_data"].value.values.__setitem__(0, np.nan), "value"),
        (lambda tree: next(iter(tree["posterior"].data_vars.values())).values.__setitem__((0, 0, 0), np.inf), "finite"),
    ],
)
def test_a_damaged_law_is_refused_by_name(fitted, tmp_path, change, said):
    tree = fitted.to_datatree()
    change(tree)
    tree.to_netcdf(tmp_path / "bad.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=said):
        cg.load_fit(tmp_path / "bad.nc")
