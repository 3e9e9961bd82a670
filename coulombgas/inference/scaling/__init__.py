"""The scaling rule across settings."""
