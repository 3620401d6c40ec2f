"""`python -m oavr_tui` is `oavr-tui`."""

import sys

from oavr_tui.cli import main

sys.exit(main())
