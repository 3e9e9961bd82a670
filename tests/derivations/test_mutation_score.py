"""The mutation script in a reduced form: a few mutants of each kind are noticed, and nothing is noticed without one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(code):
    """Output of a program in a process of its own: the script forks, and JAX must not run in the parent."""
    program = f"import sys; sys.path.insert(0, 'tests')\nimport mutation\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    return done.stdout.split()


def test_the_derivations_hold_without_a_mutant_and_not_with_a_wrong_one():
    code = """
found = mutation.mutants("coulombgas.symbolic._selberg")
gauss = [m for m in found if m.function == "log_mehta_normalisation"]
print(mutation.outcome(None, ("normalisations",), ()))
for mutant in gauss[:4]:
    print(mutation.outcome(mutant, ("normalisations",), ()))
"""
    control, *mutated = run(code)
    assert control == "survives"
    assert len(mutated) == 4
    assert set(mutated) <= {"value", "exception"}


@pytest.mark.parametrize("module", ["_widths", "_selberg", "_eigenvalue_sde"])
def test_mutants_cover_factors_signs_powers_arguments_and_indices(module):
    """The same list every time, no docstring or message touched, and every live function is found."""
    code = f"""
found = mutation.mutants("coulombgas.symbolic.{module}")
again = mutation.mutants("coulombgas.symbolic.{module}")
assert [str(m) for m in found] == [str(m) for m in again]
assert len({{m.code for m in found}}) == len(found)
for mutant in found:
    mutation.live_function(mutant.module, mutant.function)
print(len(found), len(mutation.sample(found, 12)))
"""
    total, sampled = map(int, run(code))
    assert total > 25
    assert sampled == 12
