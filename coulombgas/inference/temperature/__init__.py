"""The temperature of each setting, from the energies of its level groups."""
