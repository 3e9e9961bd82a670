"""``python -m coulombgas``."""

import sys

from .cli import main

sys.exit(main())
