"""Who is who: users, organisations, memberships, drivers, tokens."""
