"""What does recording the spectra of every matrix of a `char` transformer cost its training, one record in 100 steps?

Goal: under 5% of the step time. A step of the full batch (64) takes many seconds on a CPU, so steps of batch 2 are
timed: they are shorter, hence the shares below are upper limits for any larger batch. A record costs the training
thread the copies of the matrices ("call"); levels and files are made by another thread while training goes on. The
CPU time of the whole process ("all of it") is what a record takes from a machine with no core to spare. On an
accelerator only the call delays a step; the last line says how short a step may be there before the goal is missed.

The second table is the hardest case: multilayer perceptrons in PyTorch on one core of a CPU, whose steps take about a
millisecond, with the hook of `attach`. Wall and CPU time of the same loop with and without the recorder, in turn, the
last write included and the first record (0.2 s once) not; shares of the loop without it, medians over rounds. The loop
lasts a few seconds, in which files are written once or twice, so the parts of the cost are measured apart as well: CPU
time of a record and of a write, which a long run makes every ten seconds or, where it is quick, for half a percent of
the time. "long run" is the share of both, and "from" the step time at which it falls to 5%. The table is left out where
PyTorch is not installed.
"""

import importlib.util
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import jax
from _timing import table

from coulombgas.models import gpt_size, read_corpus
from coulombgas.training import LanguageTraining, SpectrumRecorder
from coulombgas.training._language import LanguageTrainer

EVERY, GOAL = 100, 0.05
BATCH, STEPS, RECORDS = 2, 3, 4
PERCEPTRONS, TORCH_STEPS, ROUNDS = ((64, 64), (256, 64), (256, 512)), 2000, 3
ONE, MANY, BETWEEN_WRITES, WRITING = 1, 100, 10.0, 0.005
PARTS = 9  # rounds


def main() -> None:
    """Print one table for JAX and one for PyTorch."""
    char_transformer()
    if importlib.util.find_spec("torch"):
        perceptrons()


def char_transformer() -> None:
    """A record of 36 matrices beside steps that take a second."""
    config = LanguageTraining(size=gpt_size("char"), batch_size=BATCH, steps=1000)
    trainer = LanguageTrainer(config, read_corpus())
    state = trainer.advance(trainer.start(), 0, 1)  # compiles
    jax.block_until_ready(state)
    step = [
        _measure(lambda first=first: jax.block_until_ready(trainer.advance(state, first, first + 1)))
        for first in range(STEPS)
    ]
    call, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectra.zarr"
        with SpectrumRecorder(path, select="blocks.*", every=EVERY, replica_axis=True) as recorder:
            for index in range(RECORDS):
                start = _now()
                call.append(_measure(lambda index=index: recorder(index * EVERY, state.model)))
                recorder.flush()
                whole.append(tuple(b - a for a, b in zip(start, _now(), strict=True)))
    best = [min(values) for values in zip(*step, strict=True)]
    rows = []
    # the first record starts the thread and creates the arrays
    for name, costs in (("call", call[1:]), ("all of it", whole[1:])):
        wall, cpu = (min(values) for values in zip(*costs, strict=True))
        share = cpu / EVERY / best[1]
        rows.append([name, wall, cpu, best[0], best[1], f"{share:.3%}", f"{GOAL:.0%}", share / GOAL])
    header = ["one record", "wall, s", "CPU, s", "step, s", "its CPU, s", "share", "goal", "of the goal"]
    table(rows, header, f"recorder: 36 matrices of char, steps of batch {BATCH}, n = {EVERY}")
    wall = 1e3 * min(values[0] for values in call[1:])
    print(f"A call delays training by {wall:.1f} ms: {GOAL:.0%} of steps of {wall / EVERY / GOAL:.1f} ms.")


def perceptrons() -> None:
    """Records of three matrices beside steps that take a millisecond."""
    import torch

    torch.set_num_threads(1)
    rows = []
    for width, batch in PERCEPTRONS:
        torch.manual_seed(0)
        layers = [torch.nn.Linear(64, width), torch.nn.Tanh(), torch.nn.Linear(width, width), torch.nn.Tanh()]
        model, inputs = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10)), torch.randn(batch, 64)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

        def loop(model=model, inputs=inputs, optimizer=optimizer) -> None:
            for _ in range(TORCH_STEPS):
                optimizer.zero_grad()
                model(inputs).square().mean().backward()
                optimizer.step()

        shares, step = _shares(loop, optimizer, model)
        record, write = _parts(model)
        writing = max(write / BETWEEN_WRITES, WRITING)
        costs = [1e3 * step, *(f"{share:.1%}" for share in shares), 1e3 * record, 1e3 * write]
        long_run = record / EVERY / step + writing
        start = 1e3 * record / EVERY / (GOAL - writing)
        rows.append([f"64-{width}-{width}-10", batch, *costs, f"{long_run:.1%}", f"{GOAL:.0%}", f"{start:.2f} ms"])
    header = ["network", "batch", "step, ms", "wall", "CPU", "record, ms", "write, ms", "long run", "goal", "from"]
    table(rows, header, f"recorder: attached to PyTorch on one core, n = {EVERY}")


def _shares(loop: Callable[[], None], optimizer: object, model: object) -> tuple[list[float], float]:
    """What recording adds to wall and CPU time of a loop, and the CPU time of a step without it."""
    rounds = []
    with (
        tempfile.TemporaryDirectory() as folder,
        SpectrumRecorder(Path(folder) / "r.zarr", select="*.weight", every=EVERY) as recorder,
    ):
        recorder(0, model)  # creates the arrays and loads what writes them
        recorder.flush()

        def recorded(first: int) -> None:
            handle = recorder.attach(optimizer, model, first_step=first)
            loop()
            recorder.flush()
            handle.remove()

        loop()
        for index in range(ROUNDS):
            off = _measure(loop)
            rounds.append((off, _measure(lambda index=index: recorded(index * TORCH_STEPS))))
    shares = [median(on[i] / off[i] - 1 for off, on in rounds) for i in (0, 1)]
    return shares, median(off[1] for off, _ in rounds) / TORCH_STEPS


def _parts(model: object) -> tuple[float, float]:
    """CPU time of one record and of one write, from one and many records that are written once."""
    costs: dict[int, list[float]] = {ONE: [], MANY: []}
    with (
        tempfile.TemporaryDirectory() as folder,
        SpectrumRecorder(Path(folder) / "r.zarr", select="*.weight", every=1) as recorder,
    ):
        recorder(0, model)
        recorder.flush()
        first = 1
        for _ in range(PARTS):
            for count, found in costs.items():

                def record(first=first, count=count) -> None:
                    for step in range(first, first + count):
                        recorder(step, model)
                    recorder.flush()

                found.append(_measure(record)[1])
                first += count
    one, many = median(costs[ONE]), median(costs[MANY])
    each = (many - one) / (MANY - ONE)
    return each, max(one - each, 0.0)


def _measure(job: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of one run."""
    start = _now()
    job()
    wall, cpu = (b - a for a, b in zip(start, _now(), strict=True))
    return wall, cpu


def _now() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.perf_counter(), usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
