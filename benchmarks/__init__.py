"""Measurements: each prints a table and writes `.run/bench/NAME.json`. They measure, they never fail a run."""
