"""What the `simulate` commands share: running, summary, output."""

from typing import TYPE_CHECKING, Any

from ._console import progress_bar, print_table, write_json

if TYPE_CHECKING:
    import xarray as xr

    from coulombgas.models import Model


def simulate(model: "Model", *, json: bool, description: str, **arguments: Any) -> int:
    """Train, store, and print one line for each setting."""
    from coulombgas.training import train

    with progress_bar(description) as progress:
        spectra = train(model, progress=progress, **arguments)
    summary = summarise(spectra, str(arguments["out"]))
    if json:
        write_json(summary)
    else:
        rows = [
            (row["learning_rate"], row["batch_size"], row["temperature"], row["num_replicas"], row["num_diverged"])
            for row in summary["settings"]
        ]
        print_table(("learning rate", "batch size", "T", "replicas", "diverged"), rows, title=summary["out"])
    return 0


def summarise(spectra: "xr.Dataset", out: str) -> dict[str, Any]:
    """What was run, for machines."""
    import json

    settings = []
    for index in range(spectra.sizes["setting"]):
        rate, batch = float(spectra.learning_rate[index]), int(spectra.batch_size[index])
        failed = spectra.failed_step.values[index]
        settings.append({
            "learning_rate": rate,
            "batch_size": batch,
            "temperature": rate / batch,
            "num_replicas": spectra.sizes["replica"],
            "num_diverged": int((failed >= 0).sum()),
            "first_diverged_step": int(failed[failed >= 0].min()) if (failed >= 0).any() else None,
        })  # fmt: skip
    return {
        "out": out,
        "model": json.loads(spectra.attrs["config"])["model"],
        "seed": spectra.attrs["seed"],
        "steps": [int(step) for step in spectra.step.values],
        "settings": settings,
    }
