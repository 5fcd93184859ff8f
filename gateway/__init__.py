"""The OCPP server: a process of its own that talks to charging stations."""
