"""What a lab host itself says, asked by OpenSSH: nothing of ours is in between."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from console.model.config import FleetConfig


@dataclass(frozen=True)
class Truth:
    """Asks the hosts of one fleet file, as the file's user or as root."""

    config: FleetConfig

    def argv(self, host: str, user: str | None = None) -> list[str]:
        """The ssh command line that reaches `host`."""
        found = next(entry for entry in self.config.hosts if entry.name == host)
        return [
            "ssh", "-q", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
            "-o", f"UserKnownHostsFile={found.known_hosts}", "-i", str(found.identity[0]),
            f"{user or found.user}@{found.address}",
        ]  # fmt: skip

    def ask(self, host: str, command: str, *, user: str | None = None) -> str:
        """What `command` prints on `host`; it must succeed."""
        argv = [*self.argv(host, user), command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (host, command, done.returncode, done.stderr)
        return done.stdout

    def units(self, host: str) -> dict[str, tuple[str, str, str, str]]:
        """Load, active, sub and description of each unit, by name."""
        rows = json.loads(self.ask(host, "systemctl list-units --all -o json"))
        return {row["unit"]: (row["load"], row["active"], row["sub"], row["description"]) for row in rows}

    def containers(self, host: str, engine: str = "docker") -> dict[str, tuple[str, str]]:
        """Name and state of each container, by full id."""
        become = "sudo " if engine == "podman" else ""
        rows: list[dict[str, Any]]
        if engine == "podman":
            rows = json.loads(self.ask(host, f"{become}podman ps -a --format json"))
            return {row["Id"]: (row["Names"][0], row["State"]) for row in rows}
        text = self.ask(host, "docker ps -a --no-trunc --format '{{json .}}'")
        rows = [json.loads(line) for line in text.splitlines()]
        return {row["ID"]: (row["Names"], row["State"]) for row in rows}
