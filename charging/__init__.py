"""Charging sessions: ingest of facts, readings, quality gate, rating."""
