"""What systemd makes of a machine's id for one application, so that the id itself stays on the machine."""

from __future__ import annotations

import hashlib
import hmac
import re

_ID = re.compile(r"[0-9a-f]{32}")


def app_specific(machine_id: str, app: str) -> str | None:
    """What `systemd-id128 machine-id --app-specific=APP` prints; None: `machine_id` is no machine's id.

    Source: systemd, src/libsystemd/sd-id128/sd-id128.c: the first half of HMAC-SHA256, keyed by the
    machine's id, of the application's; then marked as a random UUID (version 4, the variant of RFC 4122).

    :param machine_id, app: 32 hexadecimal digits.
    """
    machine_id = machine_id.strip().lower()
    if not _ID.fullmatch(machine_id):
        return None
    made = bytearray(hmac.digest(bytes.fromhex(machine_id), bytes.fromhex(app), hashlib.sha256)[:16])
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return made.hex()
