"""REST for operators' own systems: stations, commands, transactions, messages."""
