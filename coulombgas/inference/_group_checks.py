"""Checks of the data of one level group: no fluctuation, ties, replicas that are improbable under its law."""

import numpy as np

from coulombgas._checks import InputError
from coulombgas._tails import chi2_isf, f_sf

from ._level_groups import GroupData

FEW_REPLICAS = 20  # below, the prior of the temperature counts
_OUTLIER_RATE = 1e-4


def oddities(group: GroupData) -> list[str]:
    """Warnings about a group whose data are improbable under its law.

    Raises:
        InputError: when the group does not fluctuate.
    """
    energies, size = group.replica_energies, group.freedom_per_replica
    scale = np.abs(group.levels).max()
    if group.energy <= (8 * np.finfo(float).eps * scale) ** 2 * len(energies):
        raise InputError(
            f"all replicas have the same levels near x = {group.center:.4g}: no fluctuation, no temperature."
        )
    found = []
    where = f"levels near x = {group.center:.4g}"
    if group.size > 1 and (ties := int((np.diff(group.levels, axis=1) == 0).sum())):
        found.append(f"{where}: {ties} spacing{'s' * (ties > 1)} exactly zero (rounded or copied data?)")
    robust = np.median(energies) / chi2_isf(0.5, size)
    limit = chi2_isf(_OUTLIER_RATE / len(energies), size)
    if robust > 0 and len(energies) >= FEW_REPLICAS and (count := int((energies > limit * robust).sum())):
        found.append(f"{where}: {count} outlier{'s' * (count > 1)} beyond the law (false-alarm rate {_OUTLIER_RATE:g})")
    if len(energies) < FEW_REPLICAS and _one_stands_out(group):
        found.append(f"{where}: one replica is far from all others (false-alarm rate {_OUTLIER_RATE:g})")
    return found


def _one_stands_out(group: GroupData) -> bool:
    """Whether one of a few replicas contradicts the others, by the F law of its energy over that of the rest.

    A single level is compared with the mean and variance of the others, which takes three replicas.
    """
    num, size = len(group.levels), group.freedom_per_replica
    energies, rest = group.replica_energies, (num - 1) * size
    others = group.energy - energies
    if group.size == 1:
        rest = num - 2
        if rest < 1:
            return False
        # leaving replica i out, the energy about the mean falls by n/(n − 1) times its squared deviation
        energies = energies * num / (num - 1)
        others = group.energy - energies
    largest = int(np.argmax(energies))
    ratio = (energies[largest] / size) / max(others[largest] / rest, np.finfo(float).tiny)
    return bool(num * f_sf(ratio, size, rest) < _OUTLIER_RATE)
