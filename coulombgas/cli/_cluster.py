"""Runs on several machines: the shard of a job in an array, and the connection of its processes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from coulombgas._checks import InputError, fail

_WORDS = re.compile(r"(\d{1,9})?/(\d{1,9})")


class Shard(NamedTuple):
    """The ``index``-th of ``number`` shares of the replicas, counted from 0."""

    index: int
    number: int
    source: str
    """Its source: "--shard", or the queue's variable."""

    def path(self, out: Path) -> Path:
        """Path of this share of a run for ``out``: run.zarr becomes run-3-of-8.zarr."""
        width = len(str(self.number - 1))
        return out.with_name(f"{out.stem}-{self.index:0{width}}-of-{self.number}{out.suffix}")


def find_shard(text: str | None, environment: Mapping[str, str] | None = None) -> Shard | None:
    """The shard requested by ``--shard`` or the queue; None for the whole run.

    Args:
        text: "i/n" with i from 0; "/n" to take i from the queue; "none" for the whole run inside an array; None to ask
            the queue for both (Slurm and Grid Engine give the number of jobs in an array, PBS does not).
        environment: variables of the process.

    Raises:
        InputError: if the text has another form, or the queue does not provide the numbers.
    """
    environment = os.environ if environment is None else environment
    if text == "none":
        return None
    queue = _slurm(environment) or _grid_engine(environment)
    if text is None:
        return queue if queue is not None and queue.number > 1 else None
    found = _WORDS.fullmatch(text.strip())
    if found is None:
        fail("shard", "must read i/n with i from 0, as 0/8 … 7/8, or /n to take i from the queue", text)
    number = int(found[2])
    if found[1] is not None:
        return _checked(Shard(int(found[1]), number, "--shard"))
    index = queue.index if queue is not None else _pbs(environment)
    if index is None:
        fail("shard", "needs i: no variable of a queue (Slurm, PBS, Grid Engine) says which job this is", text)
    return _checked(Shard(index, number, "the queue"))


def _checked(shard: Shard) -> Shard:
    if not 0 <= shard.index < shard.number:
        last = max(shard.number - 1, 0)
        fail("shard", f"must count from 0, i/n with i between 0 and {last}", f"{shard.index}/{shard.number}")
    return shard


def _slurm(environment: Mapping[str, str]) -> Shard | None:
    """Arrays as ``--array=0-7``, ``1-8`` or ``0-14:2``; ``%`` limits only how many run at once."""
    index = _number(environment, "SLURM_ARRAY_TASK_ID")
    count = _number(environment, "SLURM_ARRAY_TASK_COUNT")
    if index is None or count is None:
        return None
    first, last = (_number(environment, f"SLURM_ARRAY_TASK_{word}") for word in ("MIN", "MAX"))
    first = 0 if first is None else first
    step = _number(environment, "SLURM_ARRAY_TASK_STEP") or 1
    return _of_array(index, first, first + (count - 1) * step if last is None else last, step, count, "SLURM_ARRAY_TASK_ID")  # fmt: skip  # noqa: E501


def _grid_engine(environment: Mapping[str, str]) -> Shard | None:
    """Arrays as ``-t 1-8``; outside an array the variables read "undefined"."""
    index, first, last = (_number(environment, f"SGE_TASK_{word}") for word in ("ID", "FIRST", "LAST"))
    if index is None or first is None or last is None:
        return None
    step = _number(environment, "SGE_TASK_STEPSIZE") or 1
    return _of_array(index, first, last, step, (last - first) // step + 1, "SGE_TASK_ID")


def _pbs(environment: Mapping[str, str]) -> int | None:
    """Which job of an array this is; the arrays here begin with 0, as ``-J 0-7``."""
    found = _number(environment, "PBS_ARRAY_INDEX")
    return _number(environment, "PBS_ARRAYID") if found is None else found


def _of_array(index: int, first: int, last: int, step: int, count: int, source: str) -> Shard:
    at, rest = divmod(index - first, step)
    if rest or not 0 <= at < count or (last - first) // step + 1 != count:
        raise InputError(
            f"`shard`: {source} is {index} in an array of {count} jobs from {first} to {last} by {step}, which is no "
            "evenly spaced array: give --shard i/n, or --shard none for the whole run in each job."
        )
    return Shard(at, count, source)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


def start_distributed() -> None:
    """Let JAX find the processes of this job (Slurm, Open MPI, MPI, Kubernetes, clouds) and connect them.

    Raises:
        InputError: if it finds none, or this process is too late.
    """
    import jax

    from coulombgas._interrupts import renew

    try:
        jax.distributed.initialize()
    except (RuntimeError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"`distributed`: JAX cannot connect the processes of this job ({reason}): start them with srun or mpirun, "
            "or leave --distributed out."
        ) from None
    renew()  # its preemption service would intercept SIGTERM
