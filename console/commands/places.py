"""Where a user's own files are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's state folder for Quarterdeck, made if need be, closed to others."""
    base = (os.environ if environ is None else environ).get("XDG_STATE_HOME") or "~/.local/state"
    folder = Path(base).expanduser() / "quarterdeck"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
