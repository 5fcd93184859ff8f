"""`python -m pricing`: see pricing.command."""

import sys

from pricing.command import main

if __name__ == "__main__":
    sys.exit(main())
