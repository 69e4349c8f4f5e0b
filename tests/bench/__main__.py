"""`make bench`: every measurement, with its alternative from the same run, as lines and as JSON.

python -m tests.bench [NAME…] [--json FILE]
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

BENCHES = (
    *("start", "export_parser", "log_pane", "picture", "tools", "change", "table", "terminal", "restart"),
    *("on_screen", "plan", "scheduler", "store", "log_follow", "log_search", "engine", "sim", "mass"),
)


def main(argv: list[str]) -> int:
    """Run the named benches, or all; a bench that cannot run here says why."""
    target = Path(argv.pop(argv.index("--json") + 1)) if "--json" in argv else None
    names = [name for name in argv if name != "--json"] or BENCHES
    results = {}
    for name in names:
        print(f"== {name}", flush=True)
        results[name] = importlib.import_module(f"tests.bench.bench_{name}").run()
        for key, value in results[name].items():
            print(f"   {key:<52} {value:.4g}" if isinstance(value, float) else f"   {key:<52} {value}")
    if target:
        target.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
