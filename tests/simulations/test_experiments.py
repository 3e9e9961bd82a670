"""Every experiment in a tiny configuration: the numbers of the papers within three standard errors, at fixed seeds.

False-alarm rate of one comparison: 0.27%. Each has a control: a wrong constant that must be more than three away.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from coulombgas._files import check_output
from coulombgas.models import TeacherStudent
from coulombgas.spectra import level_groups, make_spectra
from simulations import (
    fokker_planck,
    learning_curves,
    mode_repulsion,
    papers,
    rbm_scaling,
    rbm_spectra,
    teacher_student_scaling,
    two_layer,
)
from simulations._experiment import Outcome, main, mean_of, measured, save, std_of
from simulations._rbm import RBMConfig, chain_means


def _agrees(number):
    return abs(number["value"] - number["predicted"]) < 3 * number["error"]


def _excludes(number, value):
    return abs(number["value"] - value) > 3 * number["error"]


def symmetric(rng, replicas, deviation):
    """Matrices with elements of these standard deviations, √2 times them on the diagonal."""
    draws = rng.normal(size=(replicas, *deviation.shape))
    return deviation * (draws + np.swapaxes(draws, 1, 2)) / np.sqrt(2)


def drawn_machines(config, replicas):
    """Spectra as training leaves them: Gaussian elements with v_ij = T(x_i + x_j)/2 · (1 + ρ_ij)/(1 − ρ_ij), of chains
    that remember ρ_ij = (x_i x_j/μ⁴)^k from update to update, about the mean of the drift."""
    model, ((rate, batch),) = config.model(), config.settings
    fixed = model.fixed_point[::-1]  # as the units have them
    memory = (np.outer(fixed, fixed) / model.mu2**2) ** model.gibbs_steps
    scatter = rate / batch * (fixed[:, None] + fixed) / 2 * (1 + memory) / (1 - memory)
    apart = fixed[:, None] - fixed
    repulsion = np.divide(scatter, apart, out=np.zeros_like(apart), where=np.abs(apart) > 1e-6).sum(axis=1)
    centre = chain_means(fixed, model.mu2, rate / batch, model.gibbs_steps) - repulsion
    gram = np.diag(centre) + symmetric(np.random.default_rng(0), replicas, np.sqrt(scatter))
    levels = np.linalg.eigvalsh(gram)[None, :, None]
    spectra = make_spectra(
        levels, learning_rate=[rate], batch_size=[batch], model=model.config(), target=model.target_modes,
        fixed_point=model.fixed_point,
    )  # fmt: skip
    return spectra.assign(gram=(("setting", "replica", "step", "row", "column"), gram[None, :, None]))


@pytest.fixture(scope="module")
def cold_rbm(reduced):
    """α = 0.02, B = 16, from the fixed point; the first record that counts is 4.7 relaxation times later.

    In the reduced form drawn and not trained: `test_rbm_follows_the_laws_of_the_paper` trains them.
    """
    config = mode_repulsion.Config(settings=((0.02, 16),), replicas=2000, steps=10_000, record=4)
    if reduced:
        return mode_repulsion.analyse(drawn_machines(config, 200), config.model())
    return mode_repulsion.run(config)


@pytest.mark.slow
def test_the_six_mean_levels_of_the_rbm(cold_rbm):
    (setting,) = cold_rbm.numbers["settings"]
    expected = (1.0060, 0.9970, 0.9947, 0.9915, 0.9844, 0.9696)
    assert len(setting["levels"]) == 6
    for level, value in zip(setting["levels"], expected, strict=True):
        assert level["without_memory"] == pytest.approx(value, abs=1e-4)
        assert level["ratio"]["predicted"] == pytest.approx(level["without_memory"], abs=2e-3)
        assert _agrees(level["ratio"])
    assert any(_excludes(level["ratio"], 1.0) for level in setting["levels"][1:])


@pytest.mark.slow
def test_the_variances_of_the_matrix_elements(cold_rbm):
    elements = cold_rbm.numbers["settings"][0]["elements"]
    for kind in ("diagonal", "off_diagonal"):
        assert _agrees(elements[kind])
        assert elements[kind]["predicted"] > 1.005  # the memory of the chains
        assert _excludes(elements[kind], 0.5)
        assert _excludes(elements[kind], 2.0)


@pytest.mark.slow
def test_spacing_and_width_coefficients(cold_rbm):
    """<S> = 2.507 and a single mode's standard deviation = √2, in units of sqrt(T x_s)."""
    setting = rbm_scaling.setting_numbers(cold_rbm.stores["spectra"], 0)
    spacing = rbm_scaling.at_zero_temperature([setting], "spacing_coefficient", 4 * [rbm_scaling.SPACING_COEFFICIENT])
    width = rbm_scaling.at_zero_temperature([setting], "width_coefficient", 2 * [rbm_scaling.WIDTH_COEFFICIENT])
    assert spacing["predicted"] == pytest.approx(2.507, abs=1e-3)
    assert _agrees(spacing)
    assert _agrees(width)
    assert _excludes(spacing, np.pi / 2 * 1.2533)  # the paper's other normalisation
    assert _excludes(width, 1.0)


def test_leading_coefficients_know_the_memory_of_the_chains():
    """s²/(2Tx) = (1 + ρ)/(1 − ρ) with ρ = (x/μ²)^{2k}: persistent chains act as momentum ρ does."""
    model = RBMConfig().model()
    for size, bare in ((2, rbm_scaling.SPACING_COEFFICIENT), (1, rbm_scaling.WIDTH_COEFFICIENT)):
        centers = [group.center for group in level_groups(model.fixed_point) if group.size == size and group.center > 0]
        memory = (np.array(centers) / model.mu2) ** (2 * model.gibbs_steps)
        expected = bare * np.sqrt((1 + memory) / (1 - memory))
        np.testing.assert_allclose(rbm_scaling.leading_coefficients(model, size), expected, rtol=1e-4)
        assert (np.abs(expected / bare - 1) > 1e-3).any()


@pytest.mark.slow
def test_pairs_follow_the_surmise_and_single_modes_do_not(cold_rbm):
    numbers = rbm_spectra.statistics(cold_rbm.stores["spectra"])
    for pair in numbers["pairs"]:
        assert _agrees(pair["second_moment"])
        assert pair["kolmogorov_p_value"] > 1e-3
        assert _excludes(pair["second_moment"], 2.0)  # Poisson
    pooled = np.mean([pair["binder"]["value"] for pair in numbers["pairs"]])
    error = np.sqrt(sum(pair["binder"]["error"] ** 2 for pair in numbers["pairs"])) / len(numbers["pairs"])
    assert abs(pooled - 4 / 27) < 3 * error


def drawn_students(config, teacher, settings, inputs, *_):
    """Spectra as training leaves them, of the exact width of two levels for fresh inputs."""
    rng, rows = np.random.default_rng([int(1000 * level) for level in teacher]), []
    for rate, batch in settings:
        c, q = rate**2 / batch, 2 * rate - rate**2
        width = np.sqrt(c * q / (q - c) * (1 / (q + c) + 1 / (q - 3 * c))) * config.noise
        noise = symmetric(rng, config.replicas, np.full((2, 2), width / np.sqrt(2)))
        rows.append(np.linalg.eigvalsh(np.diag(teacher) + noise))
    rates, batches = zip(*settings, strict=True)
    model = TeacherStudent(teacher=teacher, noise=config.noise, inputs=inputs)
    return make_spectra(np.array(rows)[:, :, None], learning_rate=rates, batch_size=batches, model=model.config())


@pytest.fixture(scope="module")
def students(reduced):
    """In the reduced form drawn and not trained: `test_widths` of tests/training trains them."""
    config = teacher_student_scaling.Config(
        settings=((0.1, 16), (0.5, 4)), replicas=4000 if reduced else 40_000, steps=150, fit_draws=0
    )
    with pytest.MonkeyPatch.context() as patch:
        if reduced:
            patch.setattr(teacher_student_scaling.Config, "train", drawn_students)
        return teacher_student_scaling.run(config)


@pytest.mark.slow
def test_spacing_of_equal_teacher_levels_with_the_finite_rate_factor(students):
    small, large = students.numbers["settings"]
    assert _agrees(small["spacing"])
    assert _agrees(small["finite_rate_factor"])
    assert _agrees(large["finite_rate_factor"])
    assert _excludes(large["finite_rate_factor"], 1.0)
    assert _excludes(large["finite_rate_factor"], 4 / 3)  # 2/(2 − α): no batch fluctuations


@pytest.mark.slow
def test_unequal_teacher_levels_are_rice_and_not_the_product_law(students):
    assert len(students.numbers["gaps"]) == 3
    for gap in students.numbers["gaps"]:
        assert _agrees(gap["mean"])
        assert gap["rice_p_value"] > 1e-3
    assert [gap["product_p_value"] < 1e-6 for gap in students.numbers["gaps"][:2]] == [True, True]


@pytest.mark.slow
@pytest.mark.full("test_widths[two-layer] in test_train.py")
def test_widths_and_repulsion_of_species():
    config = two_layer.Config(pairs=((2.0, 2.1),), replicas=40_000, steps=400)
    numbers = two_layer.run(config).numbers
    for species in numbers["species"]:
        assert _agrees(species["width2_over_leading"])
    assert _excludes(numbers["species"][-1]["width2_over_leading"], 0.25)  # one species for all
    (pair,) = numbers["pairs"]
    assert _agrees(pair["mean_over_width"])
    assert _excludes(pair["mean_over_width"], pair["product_mean_over_width"])
    assert pair["rice_p_value"] > 1e-3 > pair["product_p_value"]


@pytest.mark.slow
def test_modes_leave_zero_at_the_escape_rate(reduced):
    config = learning_curves.Config(
        replicas=8, steps=200, record=4, num_modes=3, kappas=(4.0,) if reduced else (4.0, 6.5),
        escape_replicas=400 if reduced else 4000,
    )  # fmt: skip
    numbers = learning_curves.run(config).numbers
    for escape in numbers["escape"]:
        assert _agrees(escape["growth"])
        assert escape["growth"]["predicted"] == pytest.approx(escape["escape_rate"], rel=0.02)
        assert _excludes(escape["growth"], 1 / escape["kappa"])  # without the model's own term


def test_expected_growth_is_the_escape_rate_at_small_learning_rate():
    growth = learning_curves.expected_growth(4.0, 9.0, 1e-4, 16)
    assert growth == pytest.approx(1 / 4 - 1 / 9, abs=1e-5)


def test_reference_spectrum_and_the_gap(tmp_path):
    """μ² = 9: E_1 … E_5 at (κ, g²) = (4, 0.1) and (8, 0.5); the gap at small noise is min(Ω, r_0).

    Through the command line, which writes all it promises.
    """
    argv = ["--full", "--noise2", "0.1", "0.5", "--grid", "50", "--out", str(tmp_path)]
    full = replace(fokker_planck.Config(), kappas=(4.0, 8.0))
    assert main(fokker_planck.run, fokker_planck.Config(), full, name="fokker_planck", argv=argv) == 0
    folder = tmp_path / "fokker_planck"
    names = {path.name for path in folder.iterdir()} - {".coulombgas.json"}
    assert names == {"config.json", "numbers.json", "fokker_planck.pdf", "fokker_planck.png"}
    config = json.loads((folder / "config.json").read_text())["config"]
    assert (config["grid"], config["kappas"]) == (50, [4.0, 8.0])
    numbers = json.loads((folder / "numbers.json").read_text())
    wells = {(well["kappa"], well["noise2"]): well for well in numbers["wells"]}
    first = [0.11320, 0.21964, 0.35228, 0.54423, 0.78021]
    second = [0.22175, 0.66165, 1.26868, 2.02787, 2.93144]
    np.testing.assert_allclose(wells[4.0, 0.1]["levels"][1:6], first, atol=6e-6)
    np.testing.assert_allclose(wells[8.0, 0.5]["levels"][1:6], second, atol=6e-6)
    np.testing.assert_allclose(wells[4.0, 0.1]["gap_at_small_noise"], 1 / 4 - 1 / 9)
    np.testing.assert_allclose(wells[8.0, 0.1]["gap_at_small_noise"], 1 / 8 - 1 / 9)


def test_the_data_set_of_the_paper_has_ten_settings():
    assert len(rbm_scaling.FULL.settings) == len(set(rbm_scaling.FULL.settings)) == 10
    assert (rbm_scaling.FULL.replicas, rbm_scaling.FULL.steps) == (7500, 100_000)


@pytest.mark.slow
@pytest.mark.full("test_reference_spectrum_and_the_gap and test_the_papers_in_one_run_leave_numbers_and_figures")
def test_the_full_data_set_of_the_paper_as_a_command_line(tmp_path):
    """All 10 settings through the command line at a thousandth of 7500 × 100 000, which writes all it promises."""
    full = rbm_scaling.FULL
    argv = ["--full", "--replicas", "75", "--record", "3", "--steps", "10000", "--fit-draws", "100"]
    argv += ["--init", "fixed-point", "--out", str(tmp_path), "--resume"]
    assert main(rbm_scaling.run, rbm_scaling.Config(), full, name="rbm_scaling", argv=argv) == 0
    folder = tmp_path / "rbm_scaling"
    names = {path.name for path in folder.iterdir()}
    assert names - {".coulombgas.json"} == {
        "config.json",
        "numbers.json",
        "rbm_scaling.pdf",
        "rbm_scaling.png",
        "spectra.zarr",
    }
    assert json.loads((folder / "config.json").read_text())["config"]["replicas"] == 75
    numbers = json.loads((folder / "numbers.json").read_text())
    assert len(numbers["settings"]) == len(full.settings)
    assert {"value", "low", "high", "predicted"} <= set(numbers["spacing_coefficient"])


def test_an_existing_folder_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "fokker_planck").mkdir()
    config = fokker_planck.Config()
    assert main(fokker_planck.run, config, config, name="fokker_planck", argv=["--out", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_folder_of_an_experiment_is_overwritten_when_asked(tmp_path):
    for value in (1, 2):
        outcome = Outcome(numbers={"value": value}, figure=Figure())
        save(outcome, fokker_planck.Config(), tmp_path / "wells", name="wells", seconds=0.0, overwrite=value > 1)
        check_output(tmp_path / "wells", overwrite=True)
    assert json.loads((tmp_path / "wells" / "numbers.json").read_text()) == {"value": 2}


def test_intervals_of_means_and_standard_deviations():
    rng = np.random.default_rng(0)
    values = rng.normal(3.0, 2.0, size=(4000, 5))
    mean, std = mean_of(values, 3.0), std_of(values[:, 0], 2.0)
    assert _agrees(mean)
    assert mean["error"] == pytest.approx(2 / np.sqrt(20_000), rel=0.05)
    assert _agrees(std)
    assert std["error"] == pytest.approx(2 / np.sqrt(8000), rel=0.1)
    assert measured(1.0, 0.0, 2.0)["low"] == 1.0


def test_the_papers_in_one_run_leave_numbers_and_figures(tmp_path):
    """Tiny sizes: what is stored and from where, not how near the numbers are."""
    setting = ((0.1, 16),)
    sizes = papers.Sizes(
        scaling=RBMConfig(settings=setting, replicas=20, steps=640, record=4, init="fixed-point"),
        fit_draws=0,
        wells=fokker_planck.Config(kappas=(4.0,), noise2=(0.1,)),
    )
    papers.run(["wells", "scaling"], sizes, tmp_path / "out", tmp_path / "work")
    written = json.loads((tmp_path / "out" / "scaling.json").read_text(encoding="utf-8"))
    assert written["config"]["seed"] == 0
    assert written["config"]["replicas"] == 20
    assert not written["took"]["resumed"]
    # the slowest level relaxes in 32/α = 320 updates
    assert written["relaxation_times_trained"] == [pytest.approx(2.0, rel=0.01)]
    assert written["machine"]["numpy"] == np.__version__
    assert set(written["numbers"]) == {"mode_repulsion", "rbm_scaling"}
    assert len(written["numbers"]["rbm_scaling"]["settings"]) == 1
    assert str(tmp_path) not in (tmp_path / "out" / "scaling.json").read_text(encoding="utf-8")
    for name in ("mode_repulsion", "rbm_scaling", "fokker_planck"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
