#!/usr/bin/env python3
"""Django's command line: `python manage.py help` lists what evbilling can do."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evbilling.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed here. Type `make` first: it builds .venv with all that evbilling needs."
        )
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
