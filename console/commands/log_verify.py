"""`log verify`: are the journal files of these hosts as journald wrote them?"""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.commands.asking import ask_each
from console.commands.command import Command, option
from console.commands.log_reading import CONNECTED
from console.commands.parameters import OnHosts
from console.commands.rows.log_verified import VERIFIED
from console.commands.values import PATH
from console.errors import HostFailure, UsageError

if TYPE_CHECKING:
    from console.commands.core import Core
    from console.commands.output import Output
    from console.hosts.journal_verify import Verified

#: Seconds between two words on how far a host is.
_TOLD_EVERY_S = 5.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class LogVerify(OnHosts):
    """Verify the journal files of the selected hosts, and their seals with the key.

    Every file is read whole on its host, at low priority. What is sealed needs the verification
    key that `journalctl --setup-keys` printed: `--key-file` holds it alone, or lines of HOST KEY. A file
    passes, fails (with the offset), is not sealed, or is sealed and was given no key; for one that passes
    the time is told that no seal covers yet. A file that fails makes exit code 4.
    """

    words = ("log", "verify")
    key_file: Path | None = option(PATH, "the verification key, or a file of lines HOST KEY")

    async def run(self, core: Core, out: Output) -> None:
        from console.hosts.journal_access import find_access
        from console.hosts.journal_verify import Verdict, journal_files, verify

        keys = read_keys(self.key_file) if self.key_file else {}
        async with core.observe(self.on, CONNECTED) as view:
            missing = {error.host for error in view.missing}
            hosts = [host.name for host in view.hosts() if host.name not in missing]

            async def ask(host: str) -> list[Verified]:
                transport = view.fleet.transport(host)
                privileged = (await find_access(transport)).privileged
                files = await journal_files(transport, privileged=privileged)
                size, done, told = sum(file.size for file in files), 0, time.monotonic()
                found: list[Verified] = []
                key = keys.get(host, keys.get(None))
                async with aclosing(verify(transport, files, key, privileged=privileged)) as verified:
                    async for one in verified:
                        found.append(one)
                        done += one.file.size
                        if time.monotonic() - told >= _TOLD_EVERY_S:
                            told = time.monotonic()
                            out.note(
                                f"{host}: {len(found)} of {len(files)} files, "
                                f"{done // _MEGABYTE} of {size // _MEGABYTE} MiB"
                            )
                return found

            failed = list(view.missing)
            answers = await ask_each(hosts, ask, failed.append)
        verified = [one for answer in answers for one in answer]
        out.rows(VERIFIED, verified, failed)
        for one in verified:
            if one.verdict is Verdict.FAIL:
                out.failed(HostFailure(f"{one.file.path}: {one.detail}", host=one.host))


def read_keys(path: Path) -> dict[str | None, str]:
    """The keys of a file by host; under None the one that is for all others.

    :raises UsageError: it cannot be read, or a line of it is no key. The key itself is never told.
    """
    from console.hosts.journal_verify import is_key

    try:
        lines = path.expanduser().read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}", hint="a file with the verification key") from None
    keys: dict[str | None, str] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        host = words[0] if len(words) == 2 else None
        if len(words) > 2 or not is_key(words[-1]) or host in keys:
            raise UsageError(f"{path}:{number}: not a verification key", hint="KEY, or HOST KEY on each line")
        keys[host] = words[-1]
    if not keys:
        raise UsageError(f"{path}: no key in it", hint="KEY, or HOST KEY on each line")
    return keys


COMMANDS: tuple[type[Command], ...] = (LogVerify,)
