"""Where a user's own files are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the user's state folder for Quarterdeck is, or would be."""
    base = (os.environ if environ is None else environ).get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "quarterdeck"


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's state folder for Quarterdeck, made if need be, closed to others."""
    folder = state_path(environ)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
