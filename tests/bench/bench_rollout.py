"""One atomic host updated by a rollout, from staging to the version verified, against the same over ssh.

Hosts take turns: one by hand (`ostree admin upgrade --stage`, `systemctl reboot`, then asked until it runs
the new version), the next by `host update`, whose own record tells when it began to stage and when it had
verified the version. The rollout also arms a guard, takes the reboot lock, and writes each stage to etcd.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from console.fleet.config import load_config
from console.lab.lab import Lab, default_cache, default_root, missing_requirements
from tests.lab.truth import Truth
from tests.store.cluster import ETCD, running_cluster


def _by_hand(truth: Truth, host: str) -> float:
    """Seconds, as a person types it who does not wait between the lines."""
    began = time.monotonic()
    truth.ask(host, "sudo ostree admin upgrade --stage")
    subprocess.run([*truth.argv(host), "sudo systemctl reboot"], capture_output=True, check=False, timeout=60)
    asked = [*truth.argv(host), ". /etc/os-release; echo $VERSION_ID"]
    while True:
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=60)
        if said.stdout.strip() == "1.1":
            return time.monotonic() - began


def _by_rollout(config: Path, state: Path, host: str) -> float:
    """Seconds from the beginning of its stage `stage` to that of `gate`."""

    def qd(*words: str) -> str:
        argv = [sys.executable, "-m", "console.cli.main", "--config", str(config), *words]
        environ = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(state), "XDG_STATE_HOME": str(state)}
        done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=600, env=environ)
        return done.stdout

    identity = qd("host", "update", "--to=1.1", f"--on={host}", "--gate=0s", "--yes").splitlines()[0]
    told = json.loads(qd("rollout", "history", identity, "-o", "json"))
    at = {one["what"]: datetime.fromisoformat(one["time"]) for one in told if one["target"]}
    return (at["gate"] - at["stage"]).total_seconds()


def _fleet_file(config: Path, folder: Path, endpoint: str) -> Path:
    path = folder / "fleet.toml"
    path.write_text(f'{config.read_text()}\n[etcd]\nendpoints = ["{endpoint}"]\nprefix = "/bench/"\n')
    return path


def run(pairs: int = 3) -> dict[str, object]:
    """Medians in seconds, and their ratio."""
    missing = [*missing_requirements(), *([] if ETCD else ["no etcd on this machine"])]
    if missing:
        print(f"   left out: {'; '.join(missing)}", file=sys.stderr)
        return {}
    lab = Lab(default_root().with_name("lab-bench-rollout"), default_cache(), lambda text: None)
    hand: list[float] = []
    rolled: list[float] = []
    try:
        asyncio.run(lab.down())
        status = asyncio.run(lab.up({"atomic": 2 * pairs}, exact=True))
        truth = Truth(load_config(status.config))
        names = [host.name for host in truth.config.hosts]
        with tempfile.TemporaryDirectory() as temporary, asyncio.Runner() as runner:
            folder = Path(temporary)
            cluster = running_cluster(folder / "etcd")
            (folder / "etcd").mkdir()
            endpoint = runner.run(cluster.__aenter__()).members[0].url
            config = _fleet_file(status.config, folder, endpoint)
            for by_hand, by_rollout in zip(names[::2], names[1::2], strict=True):
                hand.append(_by_hand(truth, by_hand))
                rolled.append(_by_rollout(config, folder, by_rollout))
            runner.run(cluster.__aexit__(None, None, None))
    finally:
        asyncio.run(lab.down())
    return {
        "hosts each": pairs,
        "typed over ssh, median s": statistics.median(hand),
        "by a rollout, median s": statistics.median(rolled),
        "rollout / typed": statistics.median(rolled) / statistics.median(hand),
    }
