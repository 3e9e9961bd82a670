"""A fixed point is reached with a residual, or refused with a residual and a remedy."""

import jax.numpy as jnp
import pytest

from coulombgas import InputError
from coulombgas.dmft import DeepLinear, DiagonalNetwork, NotConvergedError, fixed_point, solve

pytestmark = pytest.mark.usefixtures("x64")
OPTIONS = {"damping": 0.7, "tolerance": 1e-12, "max_sweeps": 200, "remedy": "lower `damping`"}


def test_reaches_the_root_and_reports():
    seen = []
    value, report = fixed_point(
        lambda x: {"x": jnp.cos(x["x"])}, {"x": jnp.ones(3)}, **OPTIONS, progress=lambda a, b: seen.append((a, b))
    )
    assert abs(float(value["x"][0]) - 0.7390851332151607) < 1e-10
    assert report.residual <= 1e-12
    assert seen[-1] == (report.sweeps, 200)


def test_too_few_sweeps_name_residual_and_remedy():
    with pytest.raises(NotConvergedError, match=r"residual .* after 3 sweeps, tolerance 1e-12: lower `damping`"):
        fixed_point(jnp.cos, jnp.ones(1), **{**OPTIONS, "max_sweeps": 3})


def test_divergence_is_named():
    with pytest.raises(NotConvergedError, match="diverged at sweep"):
        fixed_point(lambda x: jnp.exp(10 + x**2), jnp.ones(1), **{**OPTIONS, "damping": 1.0})


@pytest.mark.parametrize(
    "system",
    [
        DeepLinear(samples_per_dimension=2.0, steps=20, max_sweeps=3),
        pytest.param(
            DiagonalNetwork(samples_per_dimension=0.7, steps=8, paths=100, response_paths=20, max_sweeps=2),
            marks=pytest.mark.full("test_systems_refuse_to_return_what_has_not_converged[system0]"),
        ),
    ],
)
def test_systems_refuse_to_return_what_has_not_converged(system):
    with pytest.raises(NotConvergedError, match=r"residual .* sweeps.*`time_step`"):
        solve(system)
    assert issubclass(NotConvergedError, InputError)
