"""From assumptions to the library's statements, equation by equation: run ``python -m derivations``."""
