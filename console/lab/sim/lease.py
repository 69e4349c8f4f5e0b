"""A host's lease as the product's script leaves it there, and the tests that units make of it. Pure.

    /run/quarterdeck/lease              REVISION DEADLINE, then the units that it names, a line each
    /run/systemd/system/quarterdeck-lease.service      is up for as long as it holds

Source: `actions/wind_lease.sh`, which is not run here.
"""

from __future__ import annotations

from collections.abc import Mapping

FOLDER = "/run/quarterdeck"
LEASE = f"{FOLDER}/lease"
SCRIPT = f"{FOLDER}/lease.sh"
SERVICE = "quarterdeck-lease.service"
UNIT_FILE = f"/run/systemd/system/{SERVICE}"
UNIT_TEXT = f"""\
[Unit]
Description=The lease of Quarterdeck's exclusive services on this host
[Service]
Type=exec
ExecStart=/bin/sh {SCRIPT} keep
TimeoutStopSec=1
"""


def written(files: Mapping[str, bytes]) -> tuple[int, int]:
    """The revision and the deadline, in hundredths of the uptime; 0 and 0 without a lease."""
    first, *_ = [*_lines(files), ""]
    words = first.split()
    revision, deadline = (int(word) if word.isdigit() else 0 for word in [*words, "", ""][:2])
    return revision, deadline


def text_of(revision: int, deadline: int, units: list[str]) -> bytes:
    """What is written of a lease that names these units."""
    return "".join(f"{line}\n" for line in (f"{revision} {deadline}", *units)).encode()


def passes(files: Mapping[str, bytes], uptime: float, command: str) -> bool:
    """Whether a command of a unit's succeeds: `… lease.sh held UNIT` or `… lease.sh keep`, and any other.

    :param uptime: the host's, in seconds.
    """
    _, ours, question = command.partition(SCRIPT)
    if not ours:
        return True
    _, deadline = written(files)
    holds = SCRIPT in files and int(uptime * 100) < deadline
    match question.split():
        case ["held", unit]:
            return holds and unit in _lines(files)[1:]
        case ["keep"]:
            return holds
    return False


def _lines(files: Mapping[str, bytes]) -> list[str]:
    return files.get(LEASE, b"").decode("utf-8", "replace").splitlines()
