"""`python -m fmpass`."""

import sys

from fmpass.cli import main

sys.exit(main())
