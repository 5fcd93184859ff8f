"""Starting a process loads only what every process needs."""

import subprocess
import sys

START_UP = """
import sys, django
django.setup()
import evbilling.urls, portal.urls, billing.jobs, billing.pdf
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_starting_up_loads_no_typesetting() -> None:
    """Pango, fonts and WeasyPrint take a second, and every manage.py command would pay for them."""
    done = subprocess.run(
        [sys.executable, "-c", START_UP], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert {"django", "billing", "portal"} <= loaded
    assert not loaded & {"weasyprint", "fontTools", "pydyf"}
