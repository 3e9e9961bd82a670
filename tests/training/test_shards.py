"""Shards that do not belong together are told apart before any is called missing."""

import pytest

import coulombgas as cg
from coulombgas.training import merge_spectra


def shard(index: int, **change):
    """A share of three of a run of three students."""
    settings = {"learning_rate": 0.1, "batch_size": 4, "replicas": 3, "steps": 2, "seed": 0, **change}
    return cg.train(cg.TeacherStudent(), **settings, shard=(index, 3))


def test_a_shard_of_another_seed_is_named_and_none_is_called_missing():
    """Two of one run and one of another: neither a whole run nor one that lacks the third."""
    ours, theirs = shard(0), shard(1, seed=1)
    with pytest.raises(cg.InputError, match="part 1: seed is 1, but 0 in part 0") as error:
        merge_spectra([ours, theirs])
    assert "missing" not in str(error.value)
    with pytest.raises(cg.InputError, match="shards 1/3, 2/3 of the run of part 0 are missing"):
        merge_spectra([ours])
