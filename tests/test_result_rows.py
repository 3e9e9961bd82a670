"""Rows of the results that are curves or series: noise level by level, one matrix through training, the response."""

import json

import numpy as np
import pytest

import coulombgas as cg
from coulombgas._checks import InputError
from coulombgas.motion import level_noise
from coulombgas.networks import Dynamics, follow, layer_motion
from coulombgas.spectra import NetworkSpectra, layer_spectrum
from coulombgas.theory import Measured, ResponseCurve

ENDS = ("mean", "lower", "upper")


def strict(rows):
    """The rows as JSON knows them: no NaN, no NumPy."""
    return json.loads(json.dumps(rows, allow_nan=False))


def walks(seed, sizes, *, records=200, gap=50.0):
    """Levels (record, mode) of singular values far apart that walk by ``sizes`` an update, a record every 4."""
    rng = np.random.default_rng(seed)
    sizes = np.asarray(sizes, dtype=float)
    moves = 2 * sizes * rng.standard_normal((records, sizes.size))
    return (gap * np.arange(1, sizes.size + 1) + np.cumsum(moves, axis=0)) ** 2, 4 * np.arange(records)


SIZES = 0.1 * (1 + 0.5 * np.sin(np.arange(40)))


def held(found, truth):
    """How many intervals of the rows hold the noise of their level."""
    return sum(row["noise"]["lower"] <= each <= row["noise"]["upper"] for row, each in zip(found, truth, strict=True))


def test_the_interval_of_each_level_holds_its_noise():
    """120 intervals of 95% on walks of known size: at least 105 hold (false alarm below 6e-4).

    Control: those of the levels taken in reverse order, whose noise differs by up to nine times, hold less than half.
    """
    right = wrong = 0
    for seed in range(3):
        rows = level_noise(*walks(seed, SIZES), momentum=0).records()
        right, wrong = right + held(rows, SIZES**2), wrong + held(rows[::-1], SIZES**2)
    assert right >= 105
    assert wrong < 60


def test_the_rows_of_a_level_noise_are_its_levels():
    found = level_noise(*walks(0, SIZES[:12]), num_leading=2, momentum=0)
    rows, data = strict(found.records()), found.dataset()
    assert [row["mode"] for row in rows] == list(range(12))
    assert [row["group"] for row in rows] == 10 * ["bulk"] + 2 * ["leading"]
    np.testing.assert_array_equal(data.noise, found.levels)
    np.testing.assert_array_equal(np.stack([data.noise_lower, data.noise_upper], axis=1), found.intervals)
    assert float(data.noise.sel(mode=11)) == found.levels[11]
    # a group is the mean of its levels, and known better than each of them
    assert np.mean([row["noise"]["mean"] for row in rows[:10]]) == pytest.approx(found.bulk.noise.mean, rel=1e-12)
    assert np.ptp(found.intervals[3]) > np.ptp(found.bulk.noise[1:3])
    _, *lines, moves = found.table().splitlines()
    assert [line.split()[:2] for line in lines] == [[str(row["mode"]), row["group"]] for row in rows]
    assert lines[11].split()[2] == f"{found.levels[11]:.3g}"
    assert moves.startswith("moves over 4 updates")


def test_a_level_without_noise_has_none_in_the_rows():
    """The lowest level glides: its noise is not told. A matrix that stands still has none at all."""
    levels, steps = walks(1, SIZES[:12])
    levels[:, 0] = (30 + 0.2 * np.sin(np.arange(200) / 30)) ** 2
    found = level_noise(levels, steps, momentum=0)
    first, second = strict(found.records())[:2]
    assert first == {"mode": 0, "group": "unknown", "noise": dict.fromkeys(ENDS)}
    assert second["group"] == "bulk"
    assert np.isnan(found.dataset().noise_upper.values[0])
    assert found.table().splitlines()[1].split() == ["0", "unknown", "–"]
    still = level_noise(np.ones((30, 5)), np.arange(30))
    assert {row["group"] for row in strict(still.records())} == {"unknown"}
    assert still.table() == f"! no noise estimate: {still.reason}"
    assert still.dataset().sizes == {"mode": 5}


def pulled(seed, *, modes=24, records=400, size=0.1, pull=0.02):
    """Levels that are pulled back to their places: in equilibrium, noise ``size`` squared an update, one an update."""
    rng = np.random.default_rng(seed)
    x = np.zeros((records, modes))
    x[0] = size / np.sqrt(2 * pull) * rng.standard_normal(modes)
    for step in range(1, records):
        x[step] = (1 - pull) * x[step - 1] + size * rng.standard_normal(modes)
    return (50.0 * np.arange(1, modes + 1) + x) ** 2, np.arange(records)


def test_the_rows_of_a_layer_in_motion_are_its_groups():
    """Fluctuation and dissipation: s²/2α of every group holds 0.01/(2·0.05) = 0.1, within a fifth."""
    levels, steps = pulled(0)
    found = layer_motion(levels, steps, num_leading=4, dynamics=Dynamics(learning_rate=0.05, memory=0.0))
    rows, data = strict(found.records()), found.dataset()
    assert [row["group"] for row in rows] == ["leading", "bulk"]
    assert [row["modes"] for row in rows] == [list(range(20, 24)), list(range(20))]
    assert [row["num_levels"] for row in rows] == [4, 20]
    for row in rows:
        assert row["state"] == "equilibrium"
        assert row["temperature"]["mean"] == pytest.approx(0.1, rel=0.2)
        assert row["noise"]["mean"] == pytest.approx(0.1 * row["temperature"]["mean"], rel=1e-12)
        assert row["p_force"] < 0.01 < row["p_drift"]
    for name in ("noise", "temperature"):
        for end, suffix in (("mean", ""), ("lower", "_lower"), ("upper", "_upper")):
            np.testing.assert_array_equal(data[name + suffix], [row[name][end] for row in rows])
    assert float(data.noise.sel(group="bulk")) == found.bulk.noise.mean
    header, leading, bulk, entry = found.table().splitlines()
    assert (leading.split()[:2], bulk.split()[:2]) == (["leading", "4"], ["bulk", "20"])
    assert leading.index("equilibrium") == bulk.index("equilibrium") == header.index("state")
    assert entry.startswith("noise of an entry 0.0")


def test_a_group_without_a_temperature_has_none_in_the_rows():
    levels, steps = walks(0, np.full(24, 0.1))
    flat = layer_motion(levels, steps, dynamics=Dynamics(learning_rate=0.05, memory=0.0))
    (row,) = strict(flat.records())
    assert (row["state"], row["temperature"], row["relaxation"]) == ("flat", dict.fromkeys(ENDS), None)
    assert np.isnan(flat.dataset().temperature.values[0])
    assert " – " in flat.table().splitlines()[1]
    still = layer_motion(np.ones((30, 5)), np.arange(30))
    assert (still.records(), still.table()) == ([], f"! {still.statement}")


@pytest.fixture(scope="module")
def course():
    """Seven records of noise that becomes stronger, with a spike from the fourth on."""
    rng = np.random.default_rng(4)
    noise, signal = rng.standard_normal((60, 40)), np.zeros((60, 40))
    signal[0, 0] = 60.0
    layers = [layer_spectrum("w", (1 + 0.1 * k) * noise + (k > 2) * signal, step=10 * k) for k in range(7)]
    return follow(cg.analyse(NetworkSpectra(tuple(layers))))[0]


def test_the_rows_of_a_trajectory_are_its_records(course):
    rows, data = strict(course.records()), course.dataset()
    assert [row["step"] for row in rows] == [0, 10, 20, 30, 40, 50, 60]
    # variance of entries multiplied by 1, 1.1, … 1.6
    variance = np.array([row["bulk"]["variance"]["mean"] for row in rows])
    np.testing.assert_allclose(variance, (1 + 0.1 * np.arange(7)) ** 2, rtol=0.1)
    assert [row["num_spikes"] for row in rows] == [0, 0, 0, 1, 1, 1, 1]
    assert set(rows[0]) == set(course.layers[0].record())
    ends = [data.bulk_variance, data.bulk_variance_lower, data.bulk_variance_upper]
    np.testing.assert_array_equal(np.stack(ends, axis=1), course.variance)
    assert int(data.num_spikes.sel(step=30)) == 1
    np.testing.assert_array_equal(data.bulk_edge - data.lower_edge, course.width)


def test_the_table_of_a_trajectory_has_a_line_for_each_record_and_what_happened(course):
    header, *lines = course.table().splitlines()
    assert header.split()[:3] == ["matrix", "step", "shape"]
    assert [line.split()[1] for line in lines[:7]] == [str(10 * k) for k in range(7)]
    assert lines[7:] == ["spike 1 from step 30 on, absent at 20", course.statement]


GRID = np.array([0.0, 0.1, 0.2])


def curve(**levels):
    """log R = 0.5 T for group 0 and −T for group 1, each with errors."""
    error = np.array([[0.0, 0.0], [0.01, 0.02], [0.02, 0.04]])
    return ResponseCurve(GRID, np.stack([0.5 * GRID, -GRID], axis=1), error, "by hand", **levels)


def test_the_rows_of_a_response_are_temperatures_and_groups():
    rows, data = strict(curve().records()), curve().dataset()
    assert [(row["temperature"], row["group"]) for row in rows] == [(t, g) for t in GRID for g in (0, 1)]
    last = rows[-1]
    assert last["ratio"]["mean"] == pytest.approx(0.8187307530779818)  # e^−0.2
    assert last["ratio"]["upper"] == pytest.approx(0.8855024986713401)  # e^(1.96·0.04) times it
    assert last["ratio"]["lower"] == pytest.approx(0.7569939633613986)
    assert last["shift"] is None
    assert data.ratio.dims == ("temperature", "group")
    np.testing.assert_allclose(data.ratio, np.exp(curve().log_ratio), rtol=1e-12)
    np.testing.assert_allclose(data.ratio.sel(group=1, temperature=0.1), curve().ratio(0.1)[1], rtol=1e-12)
    assert data.attrs == {"source": "by hand"}
    head, names, *lines = curve().table().splitlines()
    assert "by hand" in head
    assert names.split() == ["T", "group", "0", "group", "1"]
    assert [line.split()[0] for line in lines] == ["0", "0.1", "0.2"]
    assert lines[0].split()[1:] == ["1", "[1,", "1]", "1", "[1,", "1]"]
    assert lines[2].endswith("0.819 [0.757, 0.886]")


def test_the_shift_of_a_response_has_its_interval():
    shift = np.stack([GRID, 2 * GRID], axis=1)
    rows = curve(shift=shift, shift_error=np.full((3, 2), 0.5)).records()
    assert rows[3]["shift"] == pytest.approx({"mean": 0.2, "lower": 0.2 - 0.98, "upper": 0.2 + 0.98})
    found = curve(shift=shift, shift_error=np.full((3, 2), 0.5)).dataset()
    np.testing.assert_allclose(found["shift_upper"].values, shift + 0.98)


def test_a_table_of_a_long_response_is_thinned():
    grid = np.linspace(0, 1, 48)
    long = ResponseCurve(grid, np.zeros((48, 1)), np.zeros((48, 1)), "linear theory")
    lines = long.table().splitlines()
    assert len(lines) == 2 + 9
    assert (lines[2].split()[0], lines[-1].split()[0]) == ("0", "1")
    assert len(long.records()) == 48


def test_measured_ensembles_have_rows_too():
    log, mean = np.log([[1.1, 0.9], [1.2, 0.8]]), np.array([[1.0, 2.0], [1.5, 2.5]])
    found = Measured(np.array([0.1, 0.2]), log, np.full((2, 2), 0.01), mean, np.full((2, 2), 0.1))
    rows = strict(found.records())
    assert [row["ratio"]["mean"] for row in rows] == pytest.approx([1.1, 0.9, 1.2, 0.8])
    assert rows[3]["mean"] == pytest.approx({"mean": 2.5, "lower": 2.304, "upper": 2.696})
    np.testing.assert_allclose(found.dataset()["mean"], mean)
    assert len(found.table().splitlines()) == 4


def test_a_trajectory_needs_two_checkpoints():
    with pytest.raises(InputError, match="at least two checkpoints"):
        follow(cg.analyse([layer_spectrum("w", np.random.default_rng(0).standard_normal((30, 20)))]))
