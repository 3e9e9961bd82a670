"""``coulombgas rule``: temperatures of several trainings, and whether T ∝ α/B holds across them."""

from dataclasses import dataclass

from ._arguments import Count, File, Globs, Paths, SomeCounts, SomeNames, SomeNumbers


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How hot several trainings were, and whether the linear scaling rule T ∝ α/B holds across them.

    RUN is a recording of spectra, as `SpectrumRecorder` writes it, or the directory of a run that holds one; or an
    ensemble written by `coulombgas simulate`. Give runs at several learning rates and batch sizes: a single run has
    noise and a temperature, but does not test the rule.
    """

    paths: Paths
    """Recordings, or ensembles."""
    select: Globs = ("*",)
    """Globs on the names of the matrices, such as '*.key.*'."""
    after: Count = None
    """Last training step to leave out; by default the first half of each run."""
    learning_rate: SomeNumbers = ()
    """Learning rate of each run, or one for all, if the recordings do not hold it."""
    batch_size: SomeCounts = ()
    """Batch size of each run, or one for all, if the recordings do not hold it."""
    optimizer: SomeNames = ()
    """Optimiser of each run, or one for all: sgd, momentum, nesterov, adam, adamw."""
    replica: int = 0
    """Index of the seed in a recording."""
    json: bool = False
    """Print one JSON object with runs, scaling and verdict."""
    out: File = None
    """File for that JSON object."""
    overwrite: bool = False
    """Replace an existing output file."""
    seed: int = 0
    """Seed of the posterior draws."""

    def run(self) -> int:
        from coulombgas._checks import InputError
        from coulombgas._files import check_output
        from coulombgas.inference import scaling_rule

        from ._console import write_json

        if not self.paths:
            raise InputError("`paths` is empty: give at least one recording or ensemble.")
        if self.out is not None:
            check_output(self.out, overwrite=self.overwrite)
        found = scaling_rule(
            self.paths,
            select=self.select,
            after=self.after,
            replica=self.replica,
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            seed=self.seed,
        )
        document = found.document()
        if self.out is not None:
            write_document(self.out, document, overwrite=self.overwrite)
        if self.json:
            write_json(document)
        else:
            _show(found)
        return 0


def write_document(path: str, document: dict, *, overwrite: bool) -> None:
    """Write one JSON object to a file, completely or not at all."""
    import json

    from coulombgas._files import atomic_file
    from coulombgas._json import finite

    with atomic_file(path, overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(finite(document), indent=2) + "\n", encoding="utf-8")


def _isotropy(motion) -> str:
    found = motion.levels.isotropy
    return "–" if found is None else {"isotropic": "yes", "anisotropic": "no", "unknown": "–"}[found.verdict]


def _show(found) -> None:
    """Print the verdict, a table of all matrices of all runs, what has no numbers, and warnings."""
    from coulombgas.spectra import printable

    from ._console import print_table

    print(f"Linear scaling rule, T ∝ α/B: {found.verdict}.\n")
    header = ["run", "matrix", "leading: noise [95%]", "T", "bulk: noise [95%]", "T", "isotropic", "state"]
    rows = []
    for run in found.runs:
        for layer in run.layers:
            motion = layer.motion
            cells = [cell for group in (motion.leading, motion.bulk) for cell in _group(group)]
            states = "/".join(dict.fromkeys(group.state.state for _, group in motion.groups)) or "–"
            rows.append([run.label, printable(layer.name), *cells, _isotropy(motion), states])
        if not run.layers:
            heat = "–" if run.temperature is None else f"{run.temperature.mean:.3g}"
            rows.append([run.label, printable(run.path), "–", heat, "–", "–", "–", run.remark or "–"])
    print_table(header, rows)
    silent = [(run, layer) for run in found.runs for layer in run.layers if not layer.motion.groups]
    for run, layer in silent:
        print(f"{run.label}, {printable(layer.name)}: {layer.motion.statement}.")
    for run in found.runs:
        print(f"{run.label}: {printable(run.path)}{', ' + run.remark if run.remark and run.layers else ''}")
        if run.noise_scale is not None:
            print(f"  {run.noise_scale.statement}")
    for name, rule in found.by_layer.items():
        print(f"{printable(name)} alone: a = {_interval(rule.alpha_exponent)}, b = {_interval(rule.batch_exponent)}")
    for warning in found.warnings:
        print(f"! {printable(warning)}")


def _group(group) -> list[str]:
    if group is None:
        return ["–", "–"]
    return [_interval(group.noise), "–" if group.temperature is None else _interval(group.temperature)]


def _interval(interval) -> str:
    return "–" if interval is None else f"{interval.mean:.3g} [{interval.lower:.3g}, {interval.upper:.3g}]"
