"""docs/performance.md, made from what a whole run of the benches has measured.

python -m tests.bench.page FILE.json
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.__main__ import Measured


def page(results: Mapping[str, Measured], when: datetime, machine: str) -> str:
    """The page as Markdown: what each bench is about, and its figures."""
    lines = [
        "# Performance",
        "",
        f"Measured by `make bench` on {when:%Y-%m-%d} ({machine}). Times are medians or as named; the lab's",
        "hosts, the simulated ones and the console share the machine. This page is made from the run's JSON.",
    ]
    for name, done in results.items():
        lines += ["", f"## {name}", "", *"\n\n".join(_about(name)).splitlines(), ""]
        if done.failed:
            lines.append(f"**Failed**, and so without figures: {done.failed}")
        elif not done.figures:
            lines.append("Left out: it cannot be measured on this machine.")
        else:
            lines += ["| | |", "|---|---|"]
            lines += [f"| {key} | {_shown(value)} |" for key, value in done.figures.items()]
            lines += ["", f"Measured in {done.took_s:.0f} s."]
    return "\n".join(lines) + "\n"


def _about(name: str) -> list[str]:
    """The paragraphs of a bench's own words, but for how it is called."""
    about = (importlib.import_module(f"tests.bench.bench_{name}").__doc__ or "").strip()
    paragraphs = [" ".join(part.split()) for part in about.split("\n\n")]
    return [part for part in paragraphs if not part.startswith("python -m")]


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(argv: list[str]) -> int:
    cores = os.cpu_count()
    machine = f"{cores} cores, {platform.machine()}, Python {platform.python_version()}"
    told = json.loads(Path(argv[0]).read_text())
    results = {name: Measured(**one) for name, one in told.items()}
    sys.stdout.write(page(results, datetime.now(UTC), machine))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
