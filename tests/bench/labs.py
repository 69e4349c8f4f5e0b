"""The lab that benches measure on: the user's own, brought up if need be and left running."""

from __future__ import annotations

import asyncio
import sys

from console.fleet.config import load_config
from console.lab.lab import DEFAULT_HOSTS, Lab, default_cache, default_root, missing_requirements
from console.model.config import FleetConfig


def lab_config() -> FleetConfig | None:
    """The lab's fleet with its default hosts running; None, and why on stderr, where it cannot be."""
    if missing := missing_requirements():
        print(f"   left out: {'; '.join(missing)}", file=sys.stderr)
        return None
    lab = Lab(default_root(), default_cache(), lambda text: print(f"   {text}", file=sys.stderr))
    return load_config(asyncio.run(lab.up(DEFAULT_HOSTS)).config)
