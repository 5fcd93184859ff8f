"""The parts of benchmarks/gateway.py: the load, the world it needs, and what the gateway is measured beside."""
