"""How does the cost of an update grow with the size of the machine, against a plain NumPy loop in the same run?

Gaussian RBMs, B = 16, k = 3, float32; teacher-student and two-layer networks beside them. The loop is one machine at a
time in float64 with the BLAS that NumPy has, as one writes it from the formula, (⟨φφᵀ⟩ − target) W; the "clever" loop
never makes a square matrix of a batch that is smaller than it, which ours does not do either. Each loop is timed with
one thread of that BLAS and with all of them, and the better time counts. Ours is what ``cg.train`` does with many
replicas: as many chunks at the same time as there are cores, each of the replicas that a core's cache holds; a single
replica has all cores. Loops and ours are timed in turn; CPU time counts all threads, so that its ratio does not depend
on how many cores each keeps busy; "by wall" compares with one loop, which keeps one core busy where its products are
small. The exponent is that of a power of N between a size and the one before it.
Roofline: multiply-adds and normal numbers of an update against what this machine does of each in a product of
256 × 256 matrices that stay in the cache and in an array of normals.

    python tests/benchmarks/bench_sizes.py [rbm|large|others|pytorch|roofline|threads ...]
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from _timing import table
from threadpoolctl import threadpool_limits

from coulombgas.models import GaussianRBM, Model, TeacherStudent, TwoLayerLinear, fold, free_scalar_field, normals
from coulombgas.training import Optimizer
from coulombgas.training._devices import chunk_size, num_workers
from coulombgas.training._engine import (
    ChunkState,
    advance_chunk,
    make_program,
    make_setting,
    replica_keys,
    setting_key,
    start_chunk,
)

BATCH, RATE, GIBBS, MU2 = 16, 0.02, 3, 9.0
GOALS = {64: 5.0, 128: 4.0, 256: 2.0, 784: 1.5}
BUDGET = 0.5  # CPU seconds of one timing
TURNS = 200  # of a loop whose rate is taken


class Chunks(NamedTuple):
    """An ensemble in the chunks that ``cg.train`` divides it into, as many at a time as it does."""

    run: Callable[[int], None]
    """Makes a number of updates of every replica."""
    replicas: int
    compiled: float
    """Seconds until the first update was done."""


def ours(model: Model, batch: int = BATCH, *, replicas: int = 0, all_threads: bool = False) -> Chunks:
    """So many replicas, or as many as a chunk for each core holds; products on all threads if asked."""
    workers = num_workers()
    size = chunk_size(model, replicas or 10**6, batch, np.float32)
    number = -(-replicas // size) if replicas else workers
    started = time.perf_counter()
    program = make_program(
        model, Optimizer("sgd"), 0, np.dtype(np.float32), batch, one_thread=number > 1 and not all_threads
    )
    key = setting_key(0, RATE, batch)
    setting, which = make_setting(key, RATE, batch, np.float32), np.arange(number * size, dtype=np.uint32)
    chunks = np.split(which, number)
    keys = [replica_keys(key, chunk, "update") for chunk in chunks]
    states = [start_chunk(program, setting, replica_keys(key, chunk, "start"), "fixed-point") for chunk in chunks]
    jax.block_until_ready(advance_chunk(program, setting, keys[0], states[0], 1, 2))
    compiled = time.perf_counter() - started
    pool = ThreadPoolExecutor(workers)

    def run(steps: int) -> None:
        def one(keys: jax.Array, state: ChunkState) -> None:
            jax.block_until_ready(advance_chunk(program, setting, keys, state, 1, 1 + steps))

        list(pool.map(one, keys, states))

    return Chunks(run, which.size, compiled)


def rbm_loop(visible: int, hidden: int, *, clever: bool) -> Callable[[int], None]:
    """One machine, Gibbs step by Gibbs step."""
    random, kappa = np.random.default_rng(0), free_scalar_field(visible)
    target = np.diag(1 / kappa)
    weights, chain = np.eye(visible, hidden) * np.sqrt(MU2 - kappa)[:, None], random.normal(size=(BATCH, visible)) / 3

    def run(steps: int) -> None:
        nonlocal weights, chain
        for _ in range(steps):
            for _ in range(GIBBS):
                h = chain @ weights + random.normal(size=(BATCH, hidden))
                chain = h @ weights.T / MU2 + random.normal(size=(BATCH, visible)) / np.sqrt(MU2)
            if clever:
                slope = chain.T @ (chain @ weights) / BATCH - weights / kappa[:, None]
            else:
                slope = (chain.T @ chain / BATCH - target) @ weights
            weights = weights - RATE * slope

    return run


def torch_loop(visible: int, hidden: int, *, clever: bool) -> Callable[[int], None]:
    """The same machine in PyTorch, float32, on the threads that it takes."""
    import torch

    torch.manual_seed(0)
    kappa = torch.tensor(free_scalar_field(visible), dtype=torch.float32)
    target = torch.diag(1 / kappa)
    weights, chain = torch.eye(visible, hidden) * (MU2 - kappa).sqrt()[:, None], torch.randn(BATCH, visible) / 3

    @torch.inference_mode()
    def run(steps: int) -> None:
        nonlocal weights, chain
        for _ in range(steps):
            for _ in range(GIBBS):
                h = chain @ weights + torch.randn(BATCH, hidden)
                chain = h @ weights.T / MU2 + torch.randn(BATCH, visible) / MU2**0.5
            if clever:
                slope = chain.T @ (chain @ weights) / BATCH - weights / kappa[:, None]
            else:
                slope = (chain.T @ chain / BATCH - target) @ weights
            weights = weights - RATE * slope

    return run


def student_loop(size: int, *, clever: bool) -> Callable[[int], None]:
    """One student with inputs of its own."""
    random, teacher = np.random.default_rng(0), 2.0 * np.eye(size)
    weights = teacher.copy()

    def run(steps: int) -> None:
        nonlocal weights
        for _ in range(steps):
            inputs, draws = random.normal(size=(size, BATCH)), random.normal(size=(size, size)) * 0.1
            symmetric, error = (draws + draws.T) / np.sqrt(2 * BATCH), teacher - weights
            drift = (error @ inputs) @ inputs.T / BATCH if clever else error @ (inputs @ inputs.T / BATCH)
            weights = weights + RATE * (drift + symmetric)

    return run


def two_layer_loop(size: int, *, clever: bool) -> Callable[[int], None]:
    """One two-layer network."""
    random, teacher = np.random.default_rng(0), 2.0 * np.eye(size)
    first, second = np.sqrt(2.0) * np.eye(size), np.sqrt(2.0) * np.eye(size)

    def run(steps: int) -> None:
        nonlocal first, second
        for _ in range(steps):
            inputs, labels = random.normal(size=(size, BATCH)), 0.1 * random.normal(size=(size, BATCH))
            if clever:
                hidden = first @ inputs
                error = (second @ hidden - 2 * inputs - labels) / BATCH
                slopes = (second.T @ error) @ inputs.T, error @ hidden.T
            else:
                slope = ((second @ first - teacher) @ inputs - labels) @ inputs.T / BATCH
                slopes = second.T @ slope, slope @ first.T
            first, second = first - RATE * slopes[0], second - RATE * slopes[1]

    return run


def cost(run: Callable[[int], None], steps: int) -> tuple[float, float]:
    """CPU and wall seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    run(steps)
    return time.process_time() - cpu, time.perf_counter() - wall


def on_one_thread(loop: Callable[[int], None]) -> Callable[[int], None]:
    """The loop with one thread of NumPy's BLAS."""

    def run(steps: int) -> None:
        with threadpool_limits(1, user_api="blas"):
            loop(steps)

    return run


def compare(model: Model, loops: list[Callable[[int], None]], replicas: int = 0) -> list:
    """Replicas, seconds to compile, CPU µs of an update, ours and the loop's, and the ratios."""
    chunks = ours(model, replicas=replicas)
    jobs = [chunks.run, *loops, *map(on_one_thread, loops)]
    steps = [max(2, int(4 * BUDGET / max(cost(job, 4)[0], 1e-4))) for job in jobs]
    turns = [[cost(job, number) for job, number in zip(jobs, steps, strict=True)] for _ in range(3)]
    each = np.min(turns, axis=0) / np.array(steps)[:, None] * 1e6
    mine, (plain, clever) = each[0] / chunks.replicas, np.min(each[1:].reshape(2, 2, 2), axis=0)
    return [chunks.replicas, chunks.compiled, mine[0], plain[0], *(plain / mine), clever[0] / mine[0]]


HEADER = ("N", "update", "replicas", "compile s", "CPU µs", "loop µs", "× loop", "by wall", "× clever")


def both(loop: Callable, *size: int) -> list[Callable[[int], None]]:
    """The plain loop and the clever one."""
    return [loop(*size, clever=clever) for clever in (False, True)]


def rbm() -> None:
    rows, sizes = [], (10, 16, 32, 64, 80, 128, 256, 512)
    for size in sizes:
        model = GaussianRBM(num_visible=size, gibbs_steps=GIBBS)
        rows.append([size, model.sampler_for(BATCH), *compare(model, both(rbm_loop, size, size))])
        rows[-1].append(GOALS.get(size, ""))
    micros = np.log([row[4] for row in rows])
    slopes = np.diff(micros) / np.diff(np.log(sizes))
    rows = [[*row, slope] for row, slope in zip(rows, [np.nan, *slopes], strict=True)]
    table(rows, (*HEADER, "goal", "exponent"), "one update of a Gaussian RBM, B = 16, k = 3")
    overall = np.polyfit(np.log(sizes), micros, 1)[0]
    print(f"exponent in N over all sizes: {overall:.2f}")


def large() -> None:
    model = GaussianRBM(num_visible=784, num_hidden=500, gibbs_steps=GIBBS)
    rows = []
    for replicas in (1, 8):
        rows.append(["784×500", model.sampler_for(BATCH), *compare(model, both(rbm_loop, 784, 500), replicas)])
        rows[-1].append(GOALS[784])
    table(rows, (*HEADER, "goal"), "a machine of the size of handwritten digits")


def others() -> None:
    for name, make, loop in (
        ("teacher-student, fresh inputs", lambda n: TeacherStudent(teacher=(2.0,) * n, inputs="fresh"), student_loop),
        ("two-layer", lambda n: TwoLayerLinear(teacher=(2.0,) * n), two_layer_loop),
    ):
        rows = [[size, "", *compare(make(size), both(loop, size))] for size in (10, 64, 256)]
        table(rows, HEADER, f"one update of a {name} network, B = 16")


def pytorch() -> None:
    """The machine beside a loop in PyTorch, where that is installed."""
    if find_spec("torch") is None:
        print("PyTorch is not installed: no second reference")
        return
    rows = []
    for size in (10, 64, 128, 256):
        model = GaussianRBM(num_visible=size, gibbs_steps=GIBBS)
        rows.append([size, model.sampler_for(BATCH), *compare(model, both(torch_loop, size, size))])
    table(rows, HEADER, "one update of a Gaussian RBM beside a loop in PyTorch, B = 16, k = 3")


def roofline() -> None:
    """What the update needs, over what the machine does of it alone."""
    a, key = jnp.ones((2, 256, 256), jnp.float32), jnp.zeros((2, 4096), jnp.uint32)
    workers = num_workers()

    def rate(function: Callable, argument: jax.Array, work: float) -> float:
        loop = partial(jax.lax.fori_loop, body_fun=function)
        compiled = jax.jit(lambda x, n: loop(0, n, init_val=x), compiler_options={"xla_cpu_multi_thread_eigen": False})
        jax.block_until_ready(compiled(argument, 1))
        cpu = time.process_time()
        with ThreadPoolExecutor(workers) as pool:  # every core is busy, as it is in a run
            list(pool.map(lambda _: jax.block_until_ready(compiled(argument, TURNS)), range(workers)))
        return workers * TURNS * work / (time.process_time() - cpu)

    products = rate(lambda i, x: x @ x * np.float32(1e-3), a, 2 * 256**3)
    numbers = rate(lambda i, x: normals(fold(key, i), (256,)) + np.float32(1e-9) * x, jnp.zeros((256, 4096)), 2**20)
    print(f"a core: {products / 1e9:.1f} billion multiply-adds and {numbers / 1e6:.0f} million normals a second")
    rows = []
    for size in (64, 128, 256):
        chunks = ours(GaussianRBM(num_visible=size, gibbs_steps=GIBBS))
        steps = max(2, int(4 * BUDGET / max(cost(chunks.run, 4)[0], 1e-4)))
        taken = cost(chunks.run, steps)[0] / steps / chunks.replicas * 1e6
        adds, drawn = (2 * GIBBS + 2) * BATCH * size**2, 2 * GIBBS * BATCH * size
        parts = [1e6 * adds / products, 1e6 * drawn / numbers]
        rows.append([size, adds / 1e6, drawn / 1e3, *parts, taken, sum(parts) / taken])
    header = ("N", "10⁶ multiply-adds", "10³ normals", "their µs", "their µs", "CPU µs of an update", "share")
    table(rows, header, "roofline of the step-by-step sampler, B = 16, k = 3")


def threads() -> None:
    """What products on one thread save where every core has a chunk."""
    rows = []
    for size in (64, 128, 256):
        model = GaussianRBM(num_visible=size, gibbs_steps=GIBBS)
        jobs = [ours(model), ours(model, all_threads=True)]
        steps = max(2, int(4 * BUDGET / max(cost(jobs[0].run, 4)[0], 1e-4)))
        turns = [[cost(job.run, steps)[0] for job in jobs] for _ in range(3)]
        one, every = np.min(turns, axis=0) / steps / jobs[0].replicas * 1e6
        rows.append([size, one, every, every / one])
    header = ("N", "one thread, CPU µs", "all threads, CPU µs", "of the first")
    table(rows, header, "one update with products on one thread and on all, B = 16, k = 3")


PARTS = {"rbm": rbm, "large": large, "others": others, "pytorch": pytorch, "roofline": roofline, "threads": threads}


def main() -> None:
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main()
