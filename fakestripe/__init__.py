"""A local Stripe for demo and tests: loopback only, stateful, strict about its schema."""
