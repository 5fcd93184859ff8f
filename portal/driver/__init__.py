"""Pages of a driver: home, history, one session, account. All rows are the driver's own."""
