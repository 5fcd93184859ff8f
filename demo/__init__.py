"""A demo world and simulated stations that speak real OCPP."""
