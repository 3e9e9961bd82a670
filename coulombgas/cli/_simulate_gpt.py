"""``coulombgas simulate gpt``: train transformers and record the spectra of their matrices."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coulombgas._checks import InputError

from ._arguments import Count, File, Globs, Number, Out, Text
from ._console import print_table, progress_bar, remark, write_json

if TYPE_CHECKING:
    from coulombgas.training import LanguageRun

_SAMPLE = 400


@dataclass(frozen=True, kw_only=True)
class SimulateGPT:
    """Train a character-level transformer (several seeds at once) and record spectra, losses and weights.

    Sizes: tiny (2 layers of width 64, for a CPU) and char (6 layers of width 384, context 256, dropout 0.2); any number
    of a size can be replaced.
    """

    out: Out
    """Directory to write: spectra.zarr, losses, weights before and after, sample.txt, report.html."""
    size: str = "tiny"
    """Named size: tiny or char."""
    text: File = None
    """Text file to learn; by default Python's own help topics."""
    steps: int = 1000
    """Updates."""
    learning_rate: float = 1e-3
    """Peak of the schedule (warm-up, then a cosine)."""
    final_learning_rate: Number = None
    """End of the cosine; by default a tenth of the peak."""
    warmup: int = 100
    """Steps of the linear warm-up."""
    batch_size: Count = None
    """Sequences per update; by default 16 for tiny, 64 for char."""
    optimizer: str = "adamw"
    """adamw or sgd."""
    momentum: float = 0.0
    """Momentum of SGD."""
    weight_decay: float = 0.1
    """Decay of the matrices."""
    gradient_clip: float = 1.0
    """Largest norm of a gradient; 0 for none."""
    replicas: int = 1
    """Seeds trained together."""
    seed: int = 0
    """Seed of all random numbers."""
    record_every: int = 100
    """Steps between recorded spectra."""
    evaluate_every: int = 100
    """Steps between validation losses."""
    select: Globs = ("blocks.*",)
    """Globs on the names of the matrices to record, such as 'blocks.*.attn.key'."""
    compute_dtype: str = "float32"
    """float32, or bfloat16 on a GPU."""
    num_layers: Count = None
    """Replace the number of layers."""
    num_heads: Count = None
    """Replace the number of heads."""
    width: Count = None
    """Replace the width."""
    context: Count = None
    """Replace the context."""
    dropout: Number = None
    """Replace the dropout."""
    tied: bool = False
    """Tie the output layer to the token embedding, regardless of the size."""
    untied: bool = False
    """Do not tie them, regardless of the size."""
    shard: Text = None
    """Only none is allowed, for a job array whose jobs are separate runs: a run of transformers has no shards."""
    resume: bool = False
    """Continue from the last checkpoint of an interrupted run."""
    overwrite: bool = False
    """Replace the directory if it exists."""
    json: bool = False
    """Print the summary as one JSON document."""

    def run(self) -> int:
        """Train, record, sample, report."""
        from coulombgas._files import add_to_output
        from coulombgas.models import read_corpus

        _refuse_shards(self.shard)
        config, corpus = self._config(), read_corpus(self.text)
        with progress_bar(f"training {config.replicas} x {self.size}") as progress:
            run = self._train(config, corpus, progress)
        sample = _sample(run, self.seed)
        _write_report(run, sample)
        add_to_output(run.path, "sample.txt", "report.html")
        if self.json:
            write_json(_summary(run))
        else:
            _print(run)
        return 0

    def _train(self, config, corpus, progress) -> "LanguageRun":
        """Train; if interrupted, say how to continue."""
        from coulombgas.training import interrupted_training, train_language_model

        try:
            return train_language_model(
                config, corpus, out=self.out, resume=self.resume, overwrite=self.overwrite, progress=progress
            )
        except KeyboardInterrupt:
            if interrupted_training(self.out):
                remark("the same command with --resume continues from the last checkpoint")
            raise

    def _tied(self) -> bool | None:
        if self.tied and self.untied:
            raise InputError(
                "`tied` and `untied` exclude each other: give one of them, or none for the default of the size."
            )
        return True if self.tied else False if self.untied else None

    def _config(self):
        """The configuration of the training from the flags; 64 sequences a batch for "char", else 16."""
        from coulombgas.models import gpt_size
        from coulombgas.training import LanguageTraining

        size = gpt_size(
            self.size, num_layers=self.num_layers, num_heads=self.num_heads, width=self.width, context=self.context,
            dropout=self.dropout, tied=self._tied(),
        )  # fmt: skip
        batch = (64 if self.size == "char" else 16) if self.batch_size is None else self.batch_size
        return LanguageTraining(
            size=size, steps=self.steps, learning_rate=self.learning_rate, final_learning_rate=self.final_learning_rate,
            warmup=self.warmup, batch_size=batch, optimizer=self.optimizer, momentum=self.momentum,
            weight_decay=self.weight_decay, gradient_clip=self.gradient_clip, replicas=self.replicas, seed=self.seed,
            record_every=self.record_every, evaluate_every=self.evaluate_every, select=self.select,
            compute_dtype=self.compute_dtype,
        )  # fmt: skip


def _refuse_shards(text: str | None) -> None:
    """Refuse shards: losses, weights and recorded spectra belong to all replicas of a run and cannot be merged.

    Raises:
        InputError: if ``--shard`` or the queue requests a part.
    """
    from coulombgas._checks import fail

    from ._cluster import find_shard

    shard = find_shard(text)
    if shard is not None and shard.number > 1:
        fail(
            "shard",
            "must be none: a run of transformers is one directory for all its replicas, which merge does not put "
            "together; in a job array give each job its own --seed and --out beside --shard none",
            f"{shard.index}/{shard.number} ({shard.source})",
        )


def _sample(run: "LanguageRun", seed: int) -> str:
    """Text generated by the first replica after 16 tokens of the validation text; written to ``sample.txt`` too."""
    import jax
    import jax.numpy as jnp

    from coulombgas.models import generate

    first = jax.tree.map(lambda leaf: leaf[0], run.model)
    drawn = generate(first, jnp.asarray(run.corpus.validation[:16]), _SAMPLE, key=jax.random.key(seed))
    text = run.corpus.decode(run.corpus.validation[:16]) + run.corpus.decode(jax.device_get(drawn))
    (run.path / "sample.txt").write_text(text, encoding="utf-8")
    return text


def _write_report(run: "LanguageRun", sample: str) -> None:
    from coulombgas.report import language_report

    language_report(run, sample, run.path / "report.html")


def _summary(run: "LanguageRun") -> dict:
    """Configuration and losses as a JSON document."""
    last = run.losses.isel(step=-1)
    return {
        "out": str(run.path),
        "config": run.config.as_dict(),
        "text": run.corpus.source,
        "unigram_entropy": run.corpus.unigram_entropy,
        "losses": {
            "step": run.losses.step.values.tolist(),
            "train": run.losses.train_loss.values.tolist(),
            "validation": run.losses.validation_loss.values.tolist(),
        },
        "validation_loss": last.validation_loss.values.tolist(),
    }


def _print(run: "LanguageRun") -> None:
    mean = run.losses.mean("replica")
    steps = run.losses.step.values.tolist()
    train = ["–" if math.isnan(loss) else loss for loss in mean.train_loss.values.tolist()]
    rows = list(zip(steps, train, mean.validation_loss.values.tolist(), strict=True))
    print_table(("step", "training loss", "validation loss"), rows, title=f"{run.path} (nats per character)")
    print(f"entropy of single characters: {run.corpus.unigram_entropy:.4f}; {run.path}/report.html shows the spectra.")
