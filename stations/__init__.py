"""Sites, stations, EVSEs, connectors and what state they were in."""
