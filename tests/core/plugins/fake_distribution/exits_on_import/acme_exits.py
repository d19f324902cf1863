"""Ends the process, or so it thinks."""

import sys

sys.exit(3)
