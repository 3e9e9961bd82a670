"""Which records describe the end of a training, and the setting that they have."""

import numpy as np
import pytest

from coulombgas import InputError
from coulombgas.networks import window
from coulombgas.spectra import RecordedTraining


def recorded(rates, batches=None, **options):
    steps = 10 * np.arange(len(rates))
    batches = np.full(len(rates), 32.0) if batches is None else batches
    options = {"optimizer": "sgd", "momentum": None} | options
    return steps, RecordedTraining(step=steps, learning_rate=np.asarray(rates), batch_size=batches, **options)


def test_the_later_half_of_many_records_and_all_of_few():
    assert window(*recorded(np.full(100, 0.1))).records.start == 50
    assert window(*recorded(np.full(80, 0.1))).records.start == 40
    assert window(*recorded(np.full(78, 0.1))).records.start == 0


@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("what", ["learning rate", "batch size"])
def test_the_last_stretch_of_one_setting_where_it_holds_forty_records(factor, what):
    for change, start in ((60, 60), (61, 50)):
        varied = np.where(np.arange(100) < change, 1.0, factor)
        if what == "learning rate":
            found = window(*recorded(0.1 * varied))
            mean, value = found.dynamics.learning_rate, 0.1 * varied[start:].mean()
        else:
            found = window(*recorded(np.full(100, 0.1), 32 * varied))
            mean, value = found.dynamics.batch_size, 32 * varied[start:].mean()
        assert found.records.start == start
        assert mean == pytest.approx(value, rel=1e-12)
        assert ("from step 600" in found.remark) == (start == 60)
        assert ("means are used" in found.remark) == (start == 50)


def test_rates_within_a_thousandth_are_one_and_the_last_is_stated():
    assert window(*recorded(np.linspace(0.1, 0.10009, 100))).dynamics.learning_rate == pytest.approx(0.10009, rel=1e-9)
    slow = np.linspace(0.1, 0.1004, 100)
    assert window(*recorded(slow)).dynamics.learning_rate == pytest.approx(slow[50:].mean(), rel=1e-9)


def test_records_beyond_a_step_and_rates_of_intervals():
    steps = 10 * np.arange(10)
    assert window(steps, None, after=60).records.start == 7
    with pytest.raises(InputError, match="at least three records"):
        window(steps, None, after=70)
    rates = np.linspace(0.1, 0.2, 9)
    found = window(steps, None, after=60, learning_rate=rates.tolist())
    assert found.dynamics.learning_rate == pytest.approx(rates[-3:].mean())
    assert found.dynamics.effective_rate == found.dynamics.learning_rate


def test_momentum_and_dampening_make_the_rate_in_the_long_run():
    assert window(*recorded(np.full(50, 0.1))).dynamics.memory == 0.0
    found = window(*recorded(np.full(50, 0.1), optimizer="momentum", momentum=0.9, dampening=0.5)).dynamics
    assert found.effective_rate == pytest.approx(0.1 * 0.5 / 0.1)
    assert window(*recorded(np.full(50, 0.1), optimizer="adam", momentum=0.9)).dynamics.effective_rate is None
