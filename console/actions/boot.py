"""Which boot of a host this is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from console.errors import HostFailure
from console.model.text import clean

if TYPE_CHECKING:
    from console.hosts.transport import Transport

_ID = re.compile(r"[0-9a-f-]{32,36}")


async def boot_id(transport: Transport) -> str:
    """The kernel's id of this boot (random(4)), read as the user.

    :raises HostError: the host does not say.
    """
    said = await transport.run(("cat", "/proc/sys/kernel/random/boot_id"), limit=256)
    text = said.stdout.decode("ascii", "replace").strip()
    if not _ID.fullmatch(text):
        raise HostFailure(f"it does not say which boot this is: {clean(text, 60)}", host=transport.host)
    return text
