"""The mutants that once survived: each still fits the code and has its test; those of fast modules are killed here.

``make mutants`` runs all of them, and a sample of every module's.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation import live_function, mutants
from tests.mutation_numerical import QUICK, named, numerical_changes
from tests.mutation_tables import NAMED, PLAN, REASONS

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("case", NAMED, ids=lambda case: f"{case.module}: {case.what}")
def test_a_mutant_fits_the_code_and_has_its_test(case):
    assert named(case).function
    file, test = case.test.split("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_module_of_the_plan_is_there_with_its_tests():
    for module, tests in PLAN.items():
        assert (ROOT / "coulombgas" / f"{module.replace('.', '/')}.py").exists(), module
        for test in tests:
            file, _, name = test.removeprefix("--deselect=").partition("::")
            assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8"), (module, test)
    assert len({name.split(".")[0] for name in PLAN}) == 8


def test_the_sample_of_a_module_is_the_same_every_time_and_small():
    once, again = (mutants("coulombgas.spectra._levels", numerical_changes, 3) for _ in range(2))
    assert [str(mutant) for mutant in once] == [str(mutant) for mutant in again]
    assert len({str(mutant) for mutant in once}) == 3


@pytest.mark.parametrize(("function", "change"), REASONS)
def test_a_reason_is_that_of_a_mutant_of_the_plan(function, change):
    module = max((name for name in PLAN if function.startswith(f"{name}.")), key=len)
    assert live_function(f"coulombgas.{module}", function.removeprefix(f"{module}."))
    assert " → " in change


def test_mutants_of_fast_modules_are_noticed(reduced):
    """Those of two of the modules in the reduced form."""
    modules = QUICK[:2] if reduced else QUICK
    command = [sys.executable, str(ROOT / "tests" / "mutation_numerical.py"), "--quick", *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("noticed ") >= sum(case.module in modules for case in NAMED) > (1 if reduced else 3)
