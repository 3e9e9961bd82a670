"""Numbers inside the statistics and the readers of spectra, by hand, by NumPy or by SciPy."""

from itertools import product

import numpy as np
import pytest
from safetensors.numpy import save_file
from scipy.interpolate import LSQUnivariateSpline

from coulombgas import InputError, load_spectra
from coulombgas.spectra import StoredArray, as_matrices, iterate_matrices, layer_spectrum, spacing_ratio, unfold


@pytest.mark.parametrize("num_levels", [3, 7, 12])
def test_the_error_of_a_few_equal_ratios_is_that_of_ten_from_the_goe(num_levels):
    """Ratios of a picket fence do not scatter: ten more with the variance 0.0656 of the GOE give the whole error."""
    found = spacing_ratio(np.arange(1.0, num_levels + 1))
    count = num_levels - 2
    assert found.mean == 1.0
    assert found.num_ratios == count
    assert found.error == pytest.approx(np.sqrt(0.656 / (count + 10) / count), rel=1e-12)


def test_the_error_of_a_spacing_ratio_sums_correlations_up_to_three_spacings():
    """Autocovariances by NumPy, of lags −3 to 3, and ten ratios of the GOE; they differ from the variance."""
    levels = np.cumsum(np.repeat(np.random.default_rng(0).exponential(size=60), 3) + 0.01 * np.arange(180))
    spacings = np.diff(levels)
    ratios = np.minimum(spacings[1:] / spacings[:-1], spacings[:-1] / spacings[1:])
    count, centred = ratios.size, ratios - ratios.mean()
    total = np.correlate(centred, centred, "full")[count - 4 : count + 3].sum() / count
    assert abs(total / ratios.var() - 1) > 0.05
    expected = np.sqrt((count * total + 0.656) / (count + 10) / count)
    assert spacing_ratio(levels).error == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("num_knots", [1, 4, 9])
def test_a_spline_has_its_knots_at_quantiles_of_the_levels(num_knots):
    """SciPy's least-squares spline through the middles of the steps, with knots that share the levels evenly."""
    levels = np.sort(np.random.default_rng(1).gamma(2.0, size=150))
    knots = np.quantile(levels, np.linspace(0, 1, num_knots + 2)[1:-1])
    expected = LSQUnivariateSpline(levels, np.arange(150) + 0.5, knots)(levels)
    found = unfold(levels, method="spline", num_knots=num_knots, outliers=(0, 0))
    np.testing.assert_allclose(found.levels, np.maximum.accumulate(expected), atol=1e-7)


@pytest.mark.parametrize(("kurtosis", "needed"), [(4.1, False), (4.4, True)])
def test_entries_are_put_in_random_order_where_their_edge_is_off_by_a_tenth_of_its_width(kurtosis, needed):
    """The second order, κ²/MN of the edge, against 0.1 of Johnstone's width: κ = 4.27 at 100×50, by hand."""
    rows, columns = 100, 50
    root = np.sqrt(rows) + np.sqrt(columns)
    width = root * (1 / np.sqrt(rows) + 1 / np.sqrt(columns)) ** (1 / 3)
    assert np.sqrt(0.1 * width / root**2 * rows * columns) == pytest.approx(4.27, abs=0.01)
    size, few = rows * columns, 50  # ±a in a hundredth of the entries, ±1 in the others: κ grows with a
    share, sides = few / size, np.linspace(3, 6, 30_001)
    moments = 1 + share * (sides ** np.array([[2], [4]]) - 1)
    side = sides[np.argmin(np.abs(moments[1] / moments[0] ** 2 - 3 - kurtosis))]
    values = np.where(np.arange(size) < few, side, 1.0) * np.where(np.arange(size) % 2, 1, -1)
    entries = layer_spectrum("w", np.random.default_rng(2).permutation(values).reshape(rows, columns)).entries
    assert entries is not None
    assert entries.kurtosis == pytest.approx(kurtosis, abs=0.01)
    assert (entries.shuffled is not None) == needed


def test_a_stack_of_stacks_is_cut_down_to_its_matrices():
    values = np.random.default_rng(3).normal(size=(2, 3, 4, 5))
    found = {one.name: one for one in as_matrices(StoredArray("w", values.shape, "F64", lambda: values, "stack"))}
    assert sorted(found) == [f"w[{i}][{j}]" for i, j in product(range(2), range(3))]
    for i, j in product(range(2), range(3)):
        assert found[f"w[{i}][{j}]"].shape == (4, 5)
        np.testing.assert_array_equal(found[f"w[{i}][{j}]"].read(), values[i, j])


@pytest.mark.parametrize("num_scales", [1, 2])
def test_two_rows_have_one_scale_or_each_its_own(tmp_path, num_scales):
    whole = np.random.default_rng(4).integers(-127, 128, (2, 8)).astype(np.int8)
    scale = np.array([0.5, 3.0], dtype=np.float32)[:num_scales]
    save_file({"a.weight": whole, "a.weight_scale": scale}, tmp_path / "m.safetensors")
    ((name, found),) = iterate_matrices(tmp_path / "m.safetensors")
    assert name == "a.weight"
    np.testing.assert_allclose(found, whole * scale[:, None], rtol=1e-6)


def test_a_damaged_state_of_a_quantisation_is_told_by_its_name(tmp_path):
    state = np.frombuffer(b'{"quant_type": "nf4"}', dtype=np.uint8)  # without the shape
    arrays = {"a.weight": np.ones((12, 1), np.uint8), "a.weight.quant_state.bitsandbytes__nf4": state}
    rest = np.random.default_rng(5).normal(size=(4, 3))
    save_file({**arrays, "b.weight": rest}, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=r"a\.weight: the state of its quantisation is damaged: copy it"):
        load_spectra(tmp_path / "m.safetensors")
    found = load_spectra(tmp_path / "m.safetensors", keep_going=True)
    assert found.names == ("b.weight",)
    assert len(found.problems) == 1
    assert "a.weight: the state of its quantisation" in found.problems[0]
