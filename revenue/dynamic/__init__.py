"""Dynamic pricing: rules and signals in, ordinary tariff versions out, a row for every decision."""
