"""Replay: what another price would have brought on the sessions of the past."""
