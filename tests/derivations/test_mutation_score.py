"""The mutation script in a reduced form: a few mutants of each kind are noticed, and nothing is noticed without one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ("_widths", "_selberg", "_eigenvalue_sde")


def run(code):
    """Output of a program in a process of its own: the script forks, and JAX must not run in the parent."""
    program = f"import sys; sys.path.insert(0, 'tests')\nimport mutation\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    return done.stdout.split()


@pytest.fixture(scope="module")
def found(reduced):
    """What the script says of Mehta's normalisation with and without mutants, and of the lists of three modules."""
    code = f"""
found = mutation.mutants("coulombgas.symbolic._selberg")
gauss = [m for m in found if m.function == "log_mehta_normalisation"]
print(mutation.outcome(None, ("normalisations",), ()))
for mutant in gauss[:{2 if reduced else 4}]:
    print(mutation.outcome(mutant, ("normalisations",), ()))
for module in {MODULES}:
    found = mutation.mutants(f"coulombgas.symbolic.{{module}}")
    again = mutation.mutants(f"coulombgas.symbolic.{{module}}")
    assert [str(m) for m in found] == [str(m) for m in again]
    assert len({{m.code for m in found}}) == len(found)
    for mutant in found:
        mutation.live_function(mutant.module, mutant.function)
    print(len(found), len(mutation.sample(found, 12)))
"""
    return run(code)


def test_the_derivations_hold_without_a_mutant_and_not_with_a_wrong_one(found, reduced):
    control, *mutated = found[: -2 * len(MODULES)]
    assert control == "survives"
    assert len(mutated) == (2 if reduced else 4)
    assert set(mutated) <= {"value", "exception"}


@pytest.mark.parametrize("number", range(len(MODULES)), ids=MODULES)
def test_mutants_cover_factors_signs_powers_arguments_and_indices(number, found):
    """The same list every time, no docstring or message touched, and every live function is found."""
    total, sampled = map(int, found[-2 * len(MODULES) :][2 * number : 2 * number + 2])
    assert total > 25
    assert sampled == 12
