"""Export parser: entries a second on one core, beside json.loads on the same entries as JSON.

journalctl -o json would cost the host three to four times the CPU of -o export, so the parser only has
to be in the same league to be the better choice for both ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from console.hosts.export_format import ExportParser
from console.hosts.journal_record import record

_ENTRIES = 20_000
_PIECE = 65536

_FIVE = {
    "MESSAGE": "GET /api/v1/orders/{n} 200 12ms upstream=10.0.3.{n} request_id=7f3a9c{n}",
    "PRIORITY": "6",
    "SYSLOG_IDENTIFIER": "nginx",
    "_SYSTEMD_UNIT": "docker.service",
    "_PID": "4711",
}
_ALL = _FIVE | {
    "CONTAINER_ID": "0123456789ab",
    "CONTAINER_ID_FULL": "0123456789ab" * 5 + "abcd",
    "CONTAINER_NAME": "api",
    "CONTAINER_TAG": "0123456789ab",
    "IMAGE_NAME": "registry/api:1.4",
    "SYSLOG_TIMESTAMP": "2026-11-01T00:00:00.000000001Z",
    "_BOOT_ID": "ab" * 16,
    "_CAP_EFFECTIVE": "1ffffffffff",
    "_CMDLINE": "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock",
    "_COMM": "dockerd",
    "_EXE": "/usr/sbin/dockerd",
    "_GID": "0",
    "_HOSTNAME": "web1",
    "_MACHINE_ID": "cd" * 16,
    "_RUNTIME_SCOPE": "system",
    "_SELINUX_CONTEXT": "unconfined",
    "_SOURCE_REALTIME_TIMESTAMP": "1764000000000000",
    "_SYSTEMD_CGROUP": "/system.slice/docker.service",
    "_SYSTEMD_INVOCATION_ID": "ef" * 16,
    "_SYSTEMD_SLICE": "system.slice",
    "_TRANSPORT": "journal",
    "_UID": "0",
}


def _entries(fields: dict[str, str]) -> list[dict[str, str]]:
    entries = []
    for n in range(_ENTRIES):
        time_us = 1_764_000_000_000_000 + n
        meta = {
            "__CURSOR": f"s={'5a' * 16};i={n:x};b={'ab' * 16};m={n:x};t={time_us:x};x={n:016x}",
            "__REALTIME_TIMESTAMP": str(time_us),
            "__MONOTONIC_TIMESTAMP": str(n),
            "__SEQNUM": str(n),
            "__SEQNUM_ID": "5a" * 16,
            "_BOOT_ID": "ab" * 16,
        }
        entries.append(meta | {name: value.format(n=n) for name, value in fields.items()})
    return entries


def _export(entries: list[dict[str, str]], *, colour: bool = False) -> bytes:
    out = bytearray()
    for entry in entries:
        for name, value in entry.items():
            if colour and name == "MESSAGE":
                data = f"\x1b[32m{value}\x1b[0m".encode()
                out += b"MESSAGE\n" + len(data).to_bytes(8, "little") + data + b"\n"
            else:
                out += f"{name}={value}\n".encode()
        out += b"\n"
    return bytes(out)


def _parse(stream: bytes) -> int:
    parser = ExportParser()
    pieces = range(0, len(stream), _PIECE)
    return sum(len(parser.feed(stream[start : start + _PIECE])) for start in pieces)


def _to_records(stream: bytes) -> int:
    parser = ExportParser()
    count = 0
    for start in range(0, len(stream), _PIECE):
        count += len([record("web1", entry) for entry in parser.feed(stream[start : start + _PIECE])])
    return count


def _rate(work: Callable[[], int]) -> float:
    """Entries a second, the best of three: what the machine's other work cost is not the parser's."""
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        count = work()
        best = max(best, count / (time.process_time() - start))
        assert count == _ENTRIES
    return best


def run() -> dict[str, object]:
    """Entries a second of CPU time, and the ratio to json.loads on the same entries."""
    result: dict[str, object] = {}
    for label, fields in (("all fields", _ALL), ("5 fields", _FIVE)):
        entries = _entries(fields)
        export = _export(entries)
        lines = [json.dumps(entry).encode() for entry in entries]
        parsed = _rate(lambda export=export: _parse(export))  # type: ignore[misc]
        alternative = _rate(lambda lines=lines: len([json.loads(line) for line in lines]))  # type: ignore[misc]
        result[f"export parser, {label}, entries/s"] = round(parsed)
        result[f"alternative: json.loads, {label}, entries/s"] = round(alternative)
        result[f"ratio, {label}"] = round(parsed / alternative, 2)
    coloured = _export(_entries(_FIVE), colour=True)
    result["export parser, 5 fields, binary message, entries/s"] = round(_rate(lambda: _parse(coloured)))
    plain = _export(_entries(_FIVE))
    result["parsed to records, 5 fields, entries/s"] = round(_rate(lambda: _to_records(plain)))
    return result


def main() -> None:
    for name, value in run().items():
        print(f"{name:<60} {value}")


if __name__ == "__main__":
    main()
