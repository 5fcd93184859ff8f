"""Stripe's own schema, read from the installed stripe-python: routes, parameters, objects."""
