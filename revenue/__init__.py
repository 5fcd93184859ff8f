"""Rollups, metrics, forecast, dynamic pricing, replay and placement: from what happened to a better decision."""
