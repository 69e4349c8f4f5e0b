"""Where faults of our own are kept: a log, and a report for each crash. Never on the user's screen."""

from __future__ import annotations

import logging
import os
import platform
import tempfile
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from console import __version__
from console.commands.places import state_folder
from console.errors import ConfigError

_LOG_LIMIT = 5 * 1024 * 1024


class _LateFile(logging.Handler):
    """Writes to the log file, which comes into being with the first record."""

    def emit(self, record: logging.LogRecord) -> None:
        # Where it cannot be kept nobody is told: it would be in the middle of a screen.
        with suppress(OSError, ConfigError):
            path = state_folder() / "quarterdeck.log"
            if path.exists() and path.stat().st_size > _LOG_LIMIT:
                path.replace(path.with_suffix(".log.1"))
            with path.open("a", encoding="utf-8") as file:
                file.write(self.format(record) + "\n")


def keep_log() -> None:
    """Send what libraries and our own rooms log to the log file, from warnings on."""
    handler = _LateFile(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    # Connections come and go, and our own states tell it.
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


def write_report(error: BaseException, line: str) -> Path:
    """The traceback and what ran. Secrets are of type `Secret`, which shows as asterisks.

    In the state folder, or where that cannot be written in that of temporary files.
    """
    now = datetime.now(UTC)
    name = f"crash-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    parts = [
        f"quarterdeck {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"{now.isoformat()}  {line}",
        "".join(traceback.format_exception(error)),
    ]
    text = "\n".join(parts)
    try:
        return _kept(state_folder() / name, text)
    except (OSError, ConfigError):
        return _kept(Path(tempfile.mkdtemp(prefix="quarterdeck-")) / name, text)


def _kept(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path
