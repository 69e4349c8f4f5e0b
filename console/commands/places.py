"""Where a user's own files are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from console.errors import ConfigError, Problem


def state_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the user's state folder for Quarterdeck is, or would be."""
    base = (os.environ if environ is None else environ).get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "quarterdeck"


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The user's state folder for Quarterdeck, made if need be, closed to others.

    :raises ConfigError: it cannot be made.
    """
    folder = state_path(environ)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        reason = f"the state folder cannot be made: {error.strerror} (another one: $XDG_STATE_HOME)"
        raise ConfigError((Problem(folder, 0, reason),)) from error
    return folder
