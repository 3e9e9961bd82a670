"""Every derivation holds, every equation has its row, and the written index is true."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from coulombgas import symbolic
from derivations import __main__ as command
from derivations._framework import chains, run_chain
from derivations._index import numbered, readme
from derivations._tex import document, plain, words

ROOT = Path(__file__).resolve().parents[2]
CHAINS = chains()


@cache
def results(name):
    """The chain, run once for all tests of a process."""
    return run_chain(name)


@pytest.mark.parametrize("name", CHAINS)
def test_chain_is_proved(name):
    failures = {result.step.name: result.failure for result in results(name) if result.failure}
    assert not failures


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
    names = ("discretisation", "matrix_ou")
    picked = {name: CHAINS[name] for name in names}
    return document(picked, {name: results(name) for name in names})


def test_document_is_complete(tex):
    assert tex.startswith("\\documentclass")
    assert tex.rstrip().endswith("\\end{document}")
    assert tex.count("\\section{") == 2
    assert tex.count("\\subsection*{") == sum(len(CHAINS[name].steps) for name in ("discretisation", "matrix_ou"))
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
        for result in results(name):
            for line in result.board.lines:
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


def test_module_runs_in_two_processes():
    call = [sys.executable, "-m", "derivations", "discretisation", "stochastic_updates", "--jobs", "2"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "[discretisation" in done.stdout
    assert "[stochastic_updates" in done.stdout
