"""What charging tells the rooms above. A signal only nudges: who misses one finds the row by its sweep."""

from django.dispatch import Signal

session_completed = Signal()
"""A session was priced; sent after the commit with `organisation_id`, `session_id` (UUIDs), `settled_elsewhere`."""
