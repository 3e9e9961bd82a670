"""Every derivation holds, every equation has its row, and the written index is true."""

import pickle
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from coulombgas import symbolic
from derivations import __main__ as command
from derivations import _run
from derivations._framework import chains, run_step
from derivations._index import numbered, readme
from derivations._tex import document, plain, words

ROOT = Path(__file__).resolve().parents[2]
CHAINS = chains()


STEP_BY_STEP = ("dmft", "neighbours")  # in test_dmft.py and test_neighbours.py
LONG = {
    "chain_memory.answer_of_the_chains": "test_memory_widens_the_levels_of_the_theory in test_rbm_chains.py",
    "fokker_planck.factorised": "test_hamiltonian_is_the_transformed_operator_and_factorises in test_fokker_planck.py",
    "fokker_planck.level_correction_at_a_wall": "test_levels_and_first_corrections in test_fokker_planck.py",
    "fokker_planck.stationary_normalised": "test_normalisations in test_fokker_planck.py",
    "gaussian_rbm.singular_flow": "nothing of the library; the other steps of the chain",
    "large_n.free_sum_moments": "test_free_sum_against_matrices_with_an_external_source in test_large_n.py",
    "learning_rules.autoencoder": "test_linear_autoencoder_against_its_updates in test_learning_rule.py",
    "learning_rules.labelled_levels": "test_gaussian_rbm_gives_drift_and_noise... in test_learning_rule.py",
    "learning_rules.rbm": "test_gaussian_rbm_gives_the_statements_of_the_library in test_learning_rule.py",
    "learning_rules.rbm_shift": "test_gaussian_rbm_gives_the_statements_of_the_library in test_learning_rule.py",
    "learning_rules.teacher": "test_teacher_student_is_exact_at_any_rate_and_batch[2] in test_learning_rule.py",
    "many_levels.burgers_equation": "test_burgers_equation_moves_levels_from_two_points in test_many_levels.py",
    "many_levels.exact_spectrum": "test_the_library_computes_the_exact_spectrum_itself... in test_many_levels.py",
    "many_levels.hamiltonian": "test_two_levels_in_a_quadratic_potential in test_many_levels.py",
    "many_levels.loop_equation": "test_resolvent_beyond_leading_order in test_many_levels.py",
    "many_levels.resolvent_correction": "test_resolvent_beyond_leading_order in test_many_levels.py",
    "marchenko_pastur.distribution_function": "test_both_copies_of_marchenko_pastur_agree in test_noise.py",
    "marchenko_pastur.unit_variance": "test_marchenko_pastur_is_that_of_its_stieltjes_transform",
    "matrix_ou.inverse_kernel": "nothing of the library; the other steps of the chain",
    "matrix_ou.mean_shift": "test_mean_eigenvalues_of_the_paper_setting in test_widths.py",
    "rectangular_dyson.normalisation": "test_laguerre_normalisation_of_one_and_two_levels_by_moments",
    "stable_forms.distribution_functions": "test_cdf_is_the_integral_and_icdf_inverts_it in test_protocol.py",
    "stable_forms.two_species_moments": "test_unit_mass_and_moments[two species] in test_protocol.py",
    "stochastic_updates.eigenvalue_update": "dyson_motion in test_chain_is_proved",
    "teacher_student_levels.own_basis": "nothing of the library; the other steps of the chain",
    "teacher_student_levels.product_spacing": "test_unit_mass_and_moments[two species spacing] in test_protocol.py",
    "transformer_spectra.spacing_ratio": "test_stationary_for_any_potentials_noises_and_beta in test_coulomb_gas.py",
    "two_layer.generalised_semicircle": "test_two_species_density_is_the_marginal_of_the_joint_law in test_pair.py",
    "two_layer.generalised_spacing": "test_unit_mass_and_moments[two species spacing] in test_protocol.py",
    "two_layer.stationary_variance": "test_two_layer_variance_at_leading_order_and_in_a_case_by_hand in test_widths.py",
    "wigner_surmise.normalisation": "normalisations in test_chain_is_proved",
    "wigner_surmise.pair_density": "test_pair_density_is_the_marginal_of_the_joint_law in test_pair.py",
    "wigner_surmise.rice_mean": "test_rice_is_scipys in test_spacing.py",
    "wigner_surmise.rice_spacing": "test_rice_is_scipys in test_spacing.py",
}
"""Steps that take from half a second to seven, and what notices a mistake of the same statements without them."""
STEPS = {step.name: step for chain in CHAINS.values() for step in chain.steps}


@cache
def result(name):
    """A step, run once for all tests of a process."""
    return run_step(STEPS[name])


def results(name):
    return [result(step.name) for step in CHAINS[name].steps]


@pytest.mark.parametrize("name", [name for name in CHAINS if name not in STEP_BY_STEP])
def test_chain_is_proved(name):
    """All steps but those of ``LONG``, which have tests of their own."""
    steps = [step.name for step in CHAINS[name].steps if step.name not in LONG]
    assert steps
    failures = {step: result(step).failure for step in steps if result(step).failure}
    assert not failures


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full(watched)) for name, watched in LONG.items()]
)
def test_long_step_is_proved(name):
    assert result(name).failure == ""


def test_every_equation_of_the_paper_has_a_row():
    assert list(numbered(CHAINS, "ALP24")) == list(range(1, 102))


def test_no_row_is_empty_and_no_name_occurs_twice():
    steps = [step for chain in CHAINS.values() for step in chain.steps]
    assert all(len(step.says) > 20 for step in steps)
    assert len({step.name for step in steps}) == len(steps)


def test_every_row_is_one_equation_with_a_sentence_of_its_own():
    steps = [step for chain in CHAINS.values() for step in chain.steps]
    assert all(len(step.equations) <= 1 for step in steps)
    assert len({step.says for step in steps}) == len(steps)


def test_what_subtracts_nothing_of_the_library_is_a_check_where_it_is_not_the_papers_own():
    """Results of others are proved only against a statement of the library."""
    for name in ("dmft", "neighbours"):
        for step in CHAINS[name].steps:
            assert step.status == "check" or step.library, step.name


def test_the_other_papers_have_rows():
    papers = [step.paper for chain in CHAINS.values() for step in chain.steps]
    assert papers.count("PFLA24") >= 4
    assert papers.count("AHLP24") >= 3


def test_equations_with_an_unsaid_assumption_say_it():
    found = numbered(CHAINS, "ALP24")
    for number in (8, 9, 32, 50, 57, 58, 59, 60, 63, 69, 101):
        assert any(step.status == "corrected" and step.note for step in found[number])


def test_written_index_is_true():
    written = (ROOT / "derivations" / "README.md").read_text(encoding="utf-8")
    assert written == readme(CHAINS), "run `python -m derivations --readme`"


def test_index_lists_every_equation():
    text = readme(CHAINS)
    for number in range(1, 102):
        assert f"| ALP24 ({number}) |" in text


@pytest.fixture(scope="module")
def tex():
    names = ("discretisation", "gradient_noise")
    picked = {name: CHAINS[name] for name in names}
    return document(picked, {name: results(name) for name in names})


def test_document_is_complete(tex):
    assert tex.startswith("\\documentclass")
    assert tex.rstrip().endswith("\\end{document}")
    assert tex.count("\\section{") == 2
    assert tex.count("\\subsection*{") == sum(len(CHAINS[name].steps) for name in ("discretisation", "gradient_noise"))
    assert tex.count("\\exact\n") >= 10


def test_document_would_compile(tex):
    unescaped = re.sub(r"\\[{}$]", "", tex)
    assert unescaped.count("{") == unescaped.count("}")
    assert unescaped.count("$") % 2 == 0
    assert tex.count("\\left") - tex.count("\\leftarrow") == tex.count("\\right") - tex.count("\\rightarrow")
    assert tex.count("\\begin{") == tex.count("\\end{")
    assert tex.isascii()


def test_words_of_every_chain_have_balanced_mathematics():
    for name in ("discretisation", "gaussian_rbm", "rectangular_dyson"):
        for step in CHAINS[name].steps:
            for line in () if step.name in LONG else result(step.name).board.lines:
                assert line.words.count("$") % 2 == 0, line.words


@pytest.mark.full("test_words_of_every_chain_have_balanced_mathematics in test_chains.py")
def test_words_of_a_long_step_have_balanced_mathematics():
    for line in result("gaussian_rbm.singular_flow").board.lines:
        assert line.words.count("$") % 2 == 0, line.words


def test_plain_text_is_escaped():
    assert plain("a_b < 50% & {c}") == r"a\_b $<$ 50\% \& \{c\}"


def test_words_keep_their_formulas():
    assert words("x_1 and $x_1$ at β") == r"x\_1 and $x_1$ at $\beta $"
    assert words(r"It\^o, teacher\_student") == r"It\^o, teacher\_student"


def test_command_prints_the_index_and_succeeds(capsys):
    assert command.main(["discretisation", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "ALP24 (93)" in printed
    assert "ALP24 (95)" in printed
    assert "0 failed" in printed


def test_command_fails_when_a_derivation_fails(capsys, monkeypatch):
    monkeypatch.setattr(symbolic, "discrete_width2", lambda rate, curvature, strength, temperature: temperature)
    assert command.main(["discretisation", "--jobs", "1"]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_command_writes_the_document(tmp_path, capsys):
    path = tmp_path / "all.tex"
    assert command.main(["discretisation", "--tex", str(path)]) == 0
    assert "\\end{document}" in path.read_text()
    with pytest.raises(SystemExit, match="no folder"):
        command.main(["discretisation", "--tex", str(tmp_path / "none" / "all.tex")])


@pytest.mark.parametrize("argv", [["nothing"], ["--jobs", "0"]])
def test_bad_arguments_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(argv)
    assert caught.value.code == 2


def test_chains_are_shared_out_and_their_results_put_together(capsys, monkeypatch):
    """As in two processes, but in one thread: what goes back is pickled and unpickled here too."""

    class Pool(ThreadPoolExecutor):
        def __init__(self, jobs, mp_context):
            assert (jobs, mp_context.get_start_method()) == (2, "spawn")
            super().__init__(1)

        def submit(self, function, *arguments):
            return super().submit(lambda: pickle.loads(pickle.dumps(function(*arguments))))

    monkeypatch.setattr(_run, "ProcessPoolExecutor", Pool)
    assert command.main(["discretisation", "gradient_noise", "--jobs", "2"]) == 0
    printed = capsys.readouterr().out
    assert printed.index("[gradient_noise") < printed.index("[discretisation")  # in reading order
    assert "0 failed" in printed


@pytest.mark.full("test_chains_are_shared_out_and_their_results_put_together in test_chains.py")
def test_module_runs_in_two_processes():
    call = [sys.executable, "-m", "derivations", "discretisation", "gradient_noise", "--jobs", "2"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "[discretisation" in done.stdout
    assert "[gradient_noise" in done.stdout
