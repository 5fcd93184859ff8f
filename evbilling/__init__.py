"""The roof: settings, URLs, embedded services, checks."""
