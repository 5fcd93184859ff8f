"""Charging sessions from CSV files: priced and counted, never charged. docs/importing.md tells how."""

from charging.importing.errors import ImportRefused
from charging.importing.mapping import Mapping, load_mapping
from charging.importing.run import Job, Outcome, Progress, import_file

__all__ = ["ImportRefused", "Job", "Mapping", "Outcome", "Progress", "import_file", "load_mapping"]
