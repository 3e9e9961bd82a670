"""Simulation-based calibration of every posterior."""
