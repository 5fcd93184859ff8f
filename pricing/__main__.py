"""`python -m pricing`: see pricing.command."""

import sys

from pricing.command import main

sys.exit(main())
