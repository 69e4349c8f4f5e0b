"""How long `--version` and `--help` take beyond the interpreter's own start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def _seconds(argv: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def run(runs: int = 15) -> dict[str, object]:
    """Medians, in milliseconds, of whole processes run in turn."""
    lines = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [sys.executable, "-m", "console.cli.main", "--version"],
        "--help": [sys.executable, "-m", "console.cli.main", "--help"],
        "unit list --help": [sys.executable, "-m", "console.cli.main", "unit", "list", "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in lines}
    for _ in range(runs):
        for name, argv in lines.items():
            taken[name].append(_seconds(argv))
    medians = {name: 1000 * statistics.median(values) for name, values in taken.items()}
    base = medians["python -c pass"]
    return {
        "python -c pass, ms": base,
        **{f"{name} beyond it, ms": medians[name] - base for name in lines if name != "python -c pass"},
    }
