"""Pages of an organisation: today, sessions, stations."""
