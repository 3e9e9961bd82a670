"""Noise, temperature and equilibrium of every matrix as plain numbers, for a logger while the training runs."""

import numpy as np

from coulombgas._checks import InputError
from coulombgas.spectra import NetworkSpectra

from ._layer_noise import GroupMotion, layer_motion
from ._spikes import find_spikes
from ._training import window

_FEWEST_LEVELS = 12  # fewer do not show which of them are a bulk
_FEWEST_RECORDS = 20


def num_leading(levels: np.ndarray, rows: int) -> int:
    """How many levels are spikes beyond a noise bulk; all of them where they are too few for a bulk.

    Args:
        levels: eigenvalues of WᵀW, ascending, (mode,).
        rows: the longer side of the matrix.
    """
    positive = levels[levels > 1e-12 * levels[-1]]
    if positive.size < _FEWEST_LEVELS:
        return levels.size
    return int(find_spikes(positive, rows).num_spikes)


def motion_numbers(network: NetworkSpectra) -> dict[str, float]:
    """What the motion of the levels shows so far, for ``measure`` of :class:`coulombgas.SpectrumRecorder`.

    By matrix and group (``leading``, ``bulk``), as far as known: ``noise/<matrix>/<group>``, the variance that one
    update adds to u_iᵀ W v_i; ``equilibrium/<matrix>/<group>``, 1 in equilibrium and 0 for levels that drift or diffuse
    without end; ``temperature/<matrix>/<group>``, s²/2α in units of the loss, in equilibrium only; and
    ``isotropic/<matrix>``, 1 where all levels have the same noise, 0 where not, omitted where that cannot be told.
    Records as for :func:`coulombgas.networks.layer_motion`: the later half, after the last change of learning rate or
    batch size.

    Args:
        network: a recording, as it is so far.

    Raises:
        InputError: for fewer than 20 records.
    """
    if len(network.steps) < _FEWEST_RECORDS:
        raise InputError(f"`network` has {len(network.steps)} records, {_FEWEST_RECORDS} are needed.")
    chosen = window(np.array(network.steps), network.training)
    kept = set(network.steps[chosen.records])
    found: dict[str, float] = {}
    for name in network.names:
        layers = [layer for layer in network if layer.name == name and layer.step in kept]
        levels, steps = np.stack([layer.eigenvalues for layer in layers]), np.array([layer.step for layer in layers])
        count = num_leading(levels[-1], max(layers[-1].shape))
        motion = layer_motion(levels, steps, num_leading=count, dynamics=chosen.dynamics)
        for kind, group in (("leading", motion.leading), ("bulk", motion.bulk)):
            found |= {} if group is None else _numbers(f"{name}/{kind}", group)
        isotropy = motion.levels.isotropy
        if isotropy is not None and isotropy.verdict != "unknown":
            found[f"isotropic/{name}"] = float(motion.isotropic)
    return found


def _numbers(place: str, group: GroupMotion) -> dict[str, float]:
    found = {f"noise/{place}": group.noise.mean}
    if group.state.stationary is not None:
        found[f"equilibrium/{place}"] = float(group.state.stationary)
    if group.temperature is not None:
        found[f"temperature/{place}"] = group.temperature.mean
    return found
