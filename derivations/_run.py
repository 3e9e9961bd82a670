"""Run all chains in several processes."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from ._framework import Chain, Result, run_chain


def run(selected: Mapping[str, Chain], jobs: int) -> dict[str, list[Result]]:
    """Run all steps of the chains, one chain per task, in the given number of processes."""
    if jobs == 1 or len(selected) == 1:
        return {name: run_chain(name) for name in selected}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {name: pool.submit(run_portable, name) for name in selected}
        packed = {name: future.result() for name, future in futures.items()}
    return {
        name: [Result(step, *outcome) for step, outcome in zip(chain.steps, packed[name], strict=True)]
        for name, chain in selected.items()
    }


def run_portable(name: str) -> list[tuple]:
    """The picklable part of each result: board, seconds, failure."""
    return [(result.board, result.seconds, result.failure) for result in run_chain(name)]
