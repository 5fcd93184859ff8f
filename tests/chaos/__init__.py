"""`make chaos`: charge for a while, kill processes at random, then ask whether anything was lost."""
