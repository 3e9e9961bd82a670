"""Job arrays: every queue's way of saying which job this is, shards that are merged, what is missing named."""

from pathlib import Path

import numpy as np
import pytest
import zarr

import coulombgas as cg
from coulombgas.cli import main
from coulombgas.cli._cluster import find_shard
from coulombgas.training import train

SLURM = {
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_ARRAY_TASK_COUNT": "8",
    "SLURM_ARRAY_TASK_MIN": "0",
    "SLURM_ARRAY_TASK_MAX": "7",
}
GRID = {"SGE_TASK_ID": "4", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "8", "SGE_TASK_STEPSIZE": "1"}


@pytest.mark.parametrize(
    ("text", "environment", "expected"),
    [
        (None, {}, None),
        ("3/8", {}, (3, 8)),
        ("0/1", {}, (0, 1)),
        (None, SLURM, (3, 8)),
        ("none", SLURM, None),
        ("1/2", SLURM, (1, 2)),
        ("/16", SLURM, (3, 16)),
        (None, {**SLURM, "SLURM_ARRAY_TASK_ID": "4", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "8"}, (3, 8)),
        (None, {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_STEP": "2"}, (3, 8)),
        (None, {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "1"}, None),
        (None, {"SLURM_JOB_ID": "77"}, None),
        (None, GRID, (3, 8)),
        (None, {"SGE_TASK_ID": "undefined"}, None),
        ("/8", {"PBS_ARRAY_INDEX": "3"}, (3, 8)),
        ("/8", {"PBS_ARRAYID": "3"}, (3, 8)),
        (None, {"PBS_ARRAY_INDEX": "3"}, None),
    ],
)
def test_which_shard_a_job_is(text, environment, expected):
    found = find_shard(text, environment)
    assert (found and found[:2]) == expected


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("8/8", {}, "must count from 0, i/n with i between 0 and 7, got '8/8'"),
        ("x", {}, "must read i/n with i from 0"),
        ("-1/8", {}, "must read i/n"),
        ("/8", {}, "no variable of a queue"),
        ("/2", SLURM, "between 0 and 1"),
        ("0/0", {}, "must count from 0"),
        (None, {**SLURM, "SLURM_ARRAY_TASK_MAX": "20"}, "no evenly spaced array: give --shard i/n"),
    ],
)
def test_what_is_no_shard(text, environment, message):
    with pytest.raises(cg.InputError, match=message):
        find_shard(text, environment)


def test_paths_sort():
    shards = [find_shard(f"{i}/11", {}) for i in (2, 10)]
    assert [shard.path(Path("a/run.zarr")).name for shard in shards] == ["run-02-of-11.zarr", "run-10-of-11.zarr"]


RUN = {"learning_rate": (0.05, 0.02), "steps": 30, "record": [10, 30]}
SMALL = {"batch_size": 4, "replicas": 10, "chunk": 5}
LARGE = {"batch_size": (4, 7), "replicas": 21, "chunk": 4}


class Stop(Exception):
    """In the middle of a run."""


def stop_late(done: int, total: int) -> None:
    """Stop in the second half."""
    if 2 * done > total:
        raise Stop


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "size"),
    [
        pytest.param(
            8,
            {**LARGE, "chunk": None},
            marks=pytest.mark.full("test_an_array_of_jobs_with_what_is_missing_named in test_cluster.py"),
        ),
        pytest.param(3, LARGE, marks=pytest.mark.full("[3-small] of the same test")),
        (3, SMALL),
    ],
    ids=["8-whole", "3-large", "3-small"],
)
def test_shards_are_the_whole_bit_for_bit(tmp_path, number, size):
    """Shares that are no whole chunks as well; two shards are interrupted and resumed."""
    model, run = cg.GaussianRBM(num_visible=3), {**RUN, **size, "statistics": ["norm"], "keep_weights": True}
    replicas = run["replicas"]
    whole = train(model, **run, out=tmp_path / "whole.zarr")
    for index in range(number):
        shard = {**run, "shard": (index, number), "out": tmp_path / f"part-{index:02}.zarr"}
        if index in (1, 2):
            with pytest.raises(Stop):
                train(model, **shard, checkpoint_seconds=0.0, progress=stop_late)
            with pytest.raises(cg.InputError, match="its run was interrupted"):
                cg.merge_stores([tmp_path / "part-00.zarr", shard["out"]], out=tmp_path / "merged.zarr")
        part = train(model, **shard, resume=True)
        assert part.sizes["replica"] == replicas * (index + 1) // number - replicas * index // number
    merged = cg.merge_stores(str(tmp_path / "part-*.zarr"), out=tmp_path / "merged.zarr")
    assert sorted(merged.variables) == sorted(whole.variables)
    for name in whole.variables:
        assert merged[name].dtype == whole[name].dtype
        np.testing.assert_array_equal(merged[name].values, whole[name].values)
    assert {**merged.attrs, "merged_from": 0, "source": 0} == {**whole.attrs, "merged_from": 0, "source": 0}
    # the merged store is the run: it resumes as finished
    assert train(model, **run, out=tmp_path / "merged.zarr", resume=True).sizes["replica"] == replicas


def test_an_array_of_jobs_with_what_is_missing_named(tmp_path, monkeypatch, capsys):
    """Every job runs the same line; the queue tells them apart."""
    line = ["simulate", "teacher-student", "--replicas", "8", "--steps", "20"]
    line += ["--learning-rate", "0.1", "--batch-size", "4", "--out"]
    assert main([*line, str(tmp_path / "whole.zarr")]) == 0
    for name, value in {**SLURM, "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MAX": "3"}.items():
        monkeypatch.setenv(name, value)
    for index in (0, 2):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(index))
        assert main([*line, str(tmp_path / "run.zarr")]) == 0
    merge = ["merge", str(tmp_path / "run-*-of-4.zarr"), "--out", str(tmp_path / "merged.zarr")]
    capsys.readouterr()
    assert main(merge) == 2
    assert "shards 1/4, 3/4 of the run of" in (said := capsys.readouterr().err)
    assert "are missing: run the same command with --shard 1/4 --resume, then merge all 4." in said
    assert not (tmp_path / "merged.zarr").exists()
    for index in (1, 3):
        monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
        assert main([*line, str(tmp_path / "run.zarr"), "--shard", f"{index}/4", "--resume"]) == 0
    assert main(merge) == 0
    whole, merged = (zarr.open_group(tmp_path / name, mode="r") for name in ("whole.zarr", "merged.zarr"))
    for name, array in whole.arrays():
        np.testing.assert_array_equal(merged[name][...], array[...], err_msg=name)
    assert main(merge) == 2  # exists already
    assert main([*merge, "--resume"]) == 0  # and is that merge


def test_more_shares_than_replicas_and_shards_of_different_runs(tmp_path):
    model = cg.TeacherStudent()
    with pytest.raises(cg.InputError, match="must not ask for more shares than the 2 replicas, got '0/3'"):
        train(model, learning_rate=0.1, batch_size=4, replicas=2, steps=1, shard=(0, 3))
    for index, replicas in ((0, 8), (1, 7)):  # two replicas of each
        train(
            model,
            learning_rate=0.1,
            batch_size=4,
            replicas=replicas,
            steps=20,
            shard=(index, 4),
            out=tmp_path / f"{index}.zarr",
        )
    with pytest.raises(cg.InputError, match=r"shards 1/4, 2/4, 3/4 of the run of .*0\.zarr are missing"):
        cg.merge_stores([tmp_path / "0.zarr", tmp_path / "1.zarr"], out=tmp_path / "x.zarr")
    with pytest.raises(cg.InputError, match="matches no store"):
        cg.merge_stores(str(tmp_path / "nothing-*.zarr"), out=tmp_path / "x.zarr")


def test_a_run_of_transformers_has_no_shards(tmp_path, monkeypatch, capsys):
    """In an array every job would train all of it into one directory: refused, and with its own words done."""
    monkeypatch.chdir(tmp_path)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    words = ["simulate", "gpt", "--out", "run", "--text", "nothing.txt", "--steps", "1"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "`shard` must be none" in said
    assert "3/8 (SLURM_ARRAY_TASK_ID)" in said
    assert list(tmp_path.iterdir()) == []
    for allowed in ("none", "0/1"):  # the next thing that is wrong is the text
        assert main([*words, "--shard", allowed]) == 2
        assert "nothing.txt" in capsys.readouterr().err
