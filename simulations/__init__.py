"""The papers' experiments: one module each, ``python -m simulations.NAME [--full] [--out DIR]``."""
