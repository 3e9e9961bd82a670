"""Train in processes of their own, one a core: throughput with two processes, and memory of a fresh one.

``python _workers.py SPEC`` is such a process: SPEC is JSON, the arguments of ``train``, ``model`` as configuration, and
``core`` to be bound to. It compiles, says "ready", waits for a line, trains, and prints wall seconds, CPU seconds
and its peak memory in GiB.
"""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any


def throughput(spec: dict[str, Any], processes: int = 2) -> tuple[float, float]:
    """(wall seconds an update with all processes at once, CPU seconds an update); compilation is not counted."""
    cores = sorted(os.sched_getaffinity(0))
    specs = [{**spec, "first_replica": i * spec["replicas"], "core": cores[i % len(cores)]} for i in range(processes)]
    workers = [_spawn(each) for each in specs]
    for worker in workers:
        assert worker.stdout is not None
        worker.stdout.readline()
    found = [_finish(worker) for worker in _started(workers)]
    updates = processes * spec["replicas"] * spec["steps"]
    return max(one["wall"] for one in found) / updates, sum(one["cpu"] for one in found) / updates


def peak_memory(spec: dict[str, Any]) -> float:
    """Peak memory in GiB of one process that trains."""
    return _finish(_started([_spawn(spec)])[0])["memory"]


def _spawn(spec: dict[str, Any]) -> subprocess.Popen:
    command = [sys.executable, __file__, json.dumps(spec)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def _started(workers: list[subprocess.Popen]) -> list[subprocess.Popen]:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return workers


def _finish(worker: subprocess.Popen) -> dict[str, float]:
    output, _ = worker.communicate()
    if worker.returncode:
        raise RuntimeError(f"a worker ended with {worker.returncode}")
    return json.loads(output.splitlines()[-1])


def main() -> None:
    spec = json.loads(sys.argv[1])
    core = spec.pop("core", None)
    if core is not None:
        os.sched_setaffinity(0, {core})  # before JAX counts the cores: one thread, no tasks to hand over
    from coulombgas.models import from_config
    from coulombgas.training import train

    model, warm = from_config(spec.pop("model")), spec.pop("warm", True)
    if warm:
        train(model, **{**spec, "steps": 1, "record": None})
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, wall = time.process_time(), time.perf_counter()
    train(model, **spec)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory}))


if __name__ == "__main__":
    main()
