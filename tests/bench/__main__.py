"""`make bench`: every measurement, with its alternative from the same run, as lines and as JSON.

python -m tests.bench [NAME…] [--json FILE]

What each has measured is in the file as soon as it has; one that fails says why there, and keeps no other
from its turn. The exit code is 1 if one has failed.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

BENCHES = (
    *("start", "export_parser", "log_pane", "picture", "tools", "change", "table", "terminal", "restart"),
    *("on_screen", "plan", "scheduler", "store", "log_follow", "log_search", "engine", "placed", "sim"),
    *("mass", "rollout", "rollout_fleet", "rollout_screen"),
)


@dataclass(frozen=True)
class Measured:
    """What one bench has given.

    :param figures: nothing, where it cannot be measured on this machine.
    :param failed: why there are none; None if it has not failed.
    """

    took_s: float
    figures: Mapping[str, object]
    failed: str | None = None


def measure(name: str) -> Measured:
    """Run one bench; that it fails is part of what it gives."""
    began = time.monotonic()
    try:
        figures = importlib.import_module(f"tests.bench.bench_{name}").run()
    except Exception as error:
        traceback.print_exc()
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        return Measured(time.monotonic() - began, {}, words)
    return Measured(time.monotonic() - began, figures)


def main(argv: list[str]) -> int:
    """Run the named benches, or all; a bench that cannot run here says why."""
    target = Path(argv.pop(argv.index("--json") + 1)) if "--json" in argv else None
    names = [name for name in argv if name != "--json"] or BENCHES
    results: dict[str, Measured] = {}
    for name in names:
        print(f"== {name}", flush=True)
        done = results[name] = measure(name)
        for key, value in done.figures.items():
            print(f"   {key:<52} {value:.4g}" if isinstance(value, float) else f"   {key:<52} {value}")
        print(f"   FAILED: {done.failed}" if done.failed else f"   took {done.took_s:.0f} s", flush=True)
        if target:
            told = {each: asdict(one) for each, one in results.items()}
            target.write_text(json.dumps(told, indent=2) + "\n")
    failed = [name for name, done in results.items() if done.failed]
    print(f"== {sum(done.took_s for done in results.values()):.0f} s", *(f"{name} FAILED" for name in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
