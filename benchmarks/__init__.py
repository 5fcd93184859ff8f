"""Measurements: each prints a table and writes `.run/bench/NAME.json`. They only measure."""
