"""The price engine: plain Python, no framework, no I/O, no clock."""
