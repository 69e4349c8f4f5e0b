"""How an app of ours ends by a fault of our own: with its words kept, and no traceback over the screen."""

from __future__ import annotations

from textual.app import App
from textual.worker import WorkerFailed


class FaultKeeper(App[int], inherit_bindings=False):
    """An app whose first fault ends it.

    :ivar fault: that fault; whoever started the app raises it once the screen is given back.
    """

    fault: Exception | None = None

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print a traceback over the screen; whoever started us writes a report.
        self.fail(error)

    def fail(self, error: Exception) -> None:
        """A fault of ours: the app ends, and `fault` is it."""
        if self.fault is None:
            # What Textual says of a worker's fault has no place where it happened.
            cause = error.error if isinstance(error, WorkerFailed) else error
            self.fault = cause if isinstance(cause, Exception) else error
            self.exit(1, return_code=1)
