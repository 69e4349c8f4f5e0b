"""`log verify` on a real host: sealed, changed, of another key, never sealed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from console.lab.lab import Lab
from tests.lab.journal_host import host_of
from tests.lab.test_commands import argv
from tests.lab.truth import Truth

HOST = "plain1"
_FOLDER = "/var/log/journal/$(cat /etc/machine-id)"
#: A journal that is sealed from now on, of which one file is archived.
_SEAL = f"""
journalctl --setup-keys --force --interval=10s > /run/seal-key 2>/dev/null
systemctl restart systemd-journald
journalctl --rotate
ls {_FOLDER} > /run/before
for i in $(seq 200); do echo "sealed line $i"; done | systemd-cat -t sealed
journalctl --sync
sleep 11
logger after
journalctl --rotate
ls {_FOLDER} | grep '^system@' | grep -v -x -F -f /run/before > /run/sealed-file
test -s /run/sealed-file
"""
_UNSEAL = f"""
rm -f {_FOLDER}/fss
systemctl restart systemd-journald
journalctl --rotate
journalctl -q --vacuum-files=1
"""
#: One letter of one sealed line, in place.
_CHANGE = f"""
file={_FOLDER}/$(cat /run/sealed-file)
at=$(grep -abo -m1 'MESSAGE=sealed line 77' $file | head -n1 | cut -d: -f1)
printf X | dd of=$file bs=1 seek=$((at + 8)) conv=notrunc 2>/dev/null
"""


def verified(truth: Truth, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and what was said of each file."""
    line = argv(truth, "log", "verify", "--on", HOST, *words, "-o", "json")
    ended = subprocess.run(line, capture_output=True, timeout=120)
    assert b"Traceback" not in ended.stderr
    return ended.returncode, {Path(row["file"]).name: row for row in json.loads(ended.stdout)}


async def test_every_file_of_a_real_journal_has_its_verdict(
    breakable: Lab, truth: Truth, tmp_path: Path
) -> None:
    host = await host_of(breakable, HOST)
    try:
        try:
            await host.root(_SEAL)
        except AssertionError:
            pytest.skip("this host's journald cannot seal")
        key = truth.ask(HOST, "cat /run/seal-key", user="root").strip()
        file = truth.ask(HOST, "cat /run/sealed-file", user="root").split()[0]
        keys = tmp_path / "keys"
        keys.write_text(f"{HOST} {key}\n")

        code, files = verified(truth, "--key-file", str(keys))
        assert (code, files[file]["verdict"]) == (0, "pass"), files
        assert files[file]["sealed_until"] is not None
        assert "not sealed" in {row["verdict"] for row in files.values()}, "what was there before"

        code, files = verified(truth)
        assert (code, files[file]["verdict"]) == (0, "no key")

        seed, _, rest = key.partition("/")
        other = seed.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
        keys.write_text(f"{other}/{rest}\n")
        code, files = verified(truth, "--key-file", str(keys))
        assert (code, files[file]["verdict"]) == (4, "fail")

        keys.write_text(f"{key}\n")
        await host.root(_CHANGE)
        code, files = verified(truth, "--key-file", str(keys))
        assert (code, files[file]["verdict"]) == (4, "fail")
        assert files[file]["offset"] > 0
        said = truth.ask(HOST, "journalctl -q --no-pager -o cat _COMM=sudo", user="root")
        assert key not in said, "sudo wrote the key into the journal"
    finally:
        await host.root(_UNSEAL)
