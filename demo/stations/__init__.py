"""Simulated OCPP 1.6 charging stations: WebSocket clients that share no code with the gateway."""
