"""What time it is for whoever draws an age: one place, so that a test can stop it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present, in UTC. Called as `clock.now()`, through the module."""
    return datetime.now(UTC)
