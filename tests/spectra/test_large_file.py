"""A file of the shape of a language model of 7 billion weights, sparse on disk: listing, memory, estimate of the time.

It is never run to its end. In the reduced form every side is a sixteenth.
"""

import json
import re
import struct

import ml_dtypes
import numpy as np
import pytest

from coulombgas.cli import _console, main
from coulombgas.spectra import SpectraPlan
from tests.spectra.memory import peak_memory

LAYERS = 32
PROJECTIONS = {
    "self_attn.q_proj": (4096, 4096), "self_attn.k_proj": (4096, 4096), "self_attn.v_proj": (4096, 4096),
    "self_attn.o_proj": (4096, 4096), "mlp.gate_proj": (11008, 4096), "mlp.up_proj": (11008, 4096),
    "mlp.down_proj": (4096, 11008),
}  # fmt: skip


def write_sparse(path, scale, filled):
    """All matrices in bfloat16; only the first ``filled`` ones take room on the disk."""
    header, offset, places = {}, 0, []
    for layer in range(LAYERS):
        for name, sides in PROJECTIONS.items():
            shape = [side // scale for side in sides]
            size = 2 * shape[0] * shape[1]
            header[f"model.layers.{layer}.{name}.weight"] = {
                "dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size],
            }  # fmt: skip
            places.append((offset, shape))
            offset += size
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        start = file.tell()
        for place, shape in places[:filled]:
            file.seek(start + place)
            file.write(np.random.default_rng(place).normal(size=shape).astype(ml_dtypes.bfloat16).tobytes())
        file.truncate(start + offset)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_model_of_seven_billion_weights(tmp_path, reduced, monkeypatch, capsys):
    scale = 16 if reduced else 1
    path = tmp_path / "model.safetensors"
    write_sparse(path, scale, 2)
    assert path.stat().st_size > 12.9e9 / scale**2
    plan = SpectraPlan(path, vectors="none")
    assert len(plan.tasks) == 224
    assert plan.compute(0).columns == 4096 // scale
    assert peak_memory(lambda: SpectraPlan(path, vectors="none")) < 5e6  # the listing reads no matrix
    assert peak_memory(lambda: plan.compute(0)) < 1.1 * plan.tasks[0].memory + 5e6
    assert max(task.memory for task in plan.tasks) < 0.65e9 / scale**2 + 7e7

    whole, done = SpectraPlan.compute, []

    def two_only(self, index):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(index)
        return whole(self, index)

    monkeypatch.setattr(SpectraPlan, "compute", two_only)
    if reduced:
        monkeypatch.setattr(_console, "_SECONDS_BETWEEN_LINES", 0.0)
    words = ["spectra", str(path), "--vectors", "none", "--out", str(tmp_path / "run")]
    assert main(words) == 130
    captured = capsys.readouterr()
    assert re.search(r"about [\d.]+ (s|min|h) for the other 223 matrices, in 0\.\d GiB of memory", captured.err)
    assert len(captured.out.splitlines()) == 3  # the header and two rows
    kept = sorted(file.name for file in (tmp_path / ".run.partial" / "spectra").iterdir())
    assert kept == ["00000.npz", "00001.npz"]
