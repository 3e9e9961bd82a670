"""The mutants that once survived: each still fits the code and has its test; those of fast modules are killed here.

``make mutants`` runs all of them, and a sample of every module's.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation_numerical import QUICK, named
from tests.mutation_tables import NAMED, PLAN

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("case", NAMED, ids=lambda case: f"{case.module}: {case.what}")
def test_a_mutant_fits_the_code_and_has_its_test(case):
    assert named(case).function
    file, test = case.test.split("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_module_of_the_plan_is_there_with_its_tests():
    for module, tests in PLAN.items():
        assert (ROOT / "coulombgas" / f"{module.replace('.', '/')}.py").exists(), module
        assert all((ROOT / test).exists() for test in tests), module
    assert len({name.split(".")[0] for name in PLAN}) == 8


def test_mutants_of_fast_modules_are_noticed():
    command = [sys.executable, str(ROOT / "tests" / "mutation_numerical.py"), "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("noticed ") >= sum(case.module in QUICK for case in NAMED) > 3
