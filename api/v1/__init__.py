"""Version 1 of the REST api. Fields are only ever added; what would break a client is version 2."""
