"""Benchmarks: what something takes, beside a named alternative in the same run."""

import os

from console.tui.environment import FPS

# As `tui.start` has it for the terminal; Textual reads it when it is imported.
os.environ.setdefault("TEXTUAL_FPS", str(FPS))
