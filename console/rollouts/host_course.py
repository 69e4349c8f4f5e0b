"""The stages of a host that is updated or rolled back as a whole. Data; `host_update.py` carries them out.

look ─▶ drain ─▶ stage ─▶ lock ─▶ arm ─▶ boot ─▶ return ─▶ gate ─▶ confirm ─▶ undrain ─▶ release: done
          └────────┴────────┴──────┘       └───────┴─────────┴────────┘
                leave: failed                 back ─▶ restore: rolled-back
                                               └─▶ lost: what it holds is kept

From `boot` on nobody can say that a host was not rebooted without looking at it: what fails there goes back.
"""

from __future__ import annotations

from console.rollouts.course import Course, End, Stage

LOOK, DRAIN, STAGE, LOCK, ARM, BOOT = "look", "drain", "stage", "lock", "arm", "boot"
RETURN, GATE, CONFIRM, UNDRAIN, RELEASE = "return", "gate", "confirm", "undrain", "release"
LEAVE, BACK, RESTORE = "leave", "back", "restore"

COURSE = Course(
    (
        Stage(LOOK, "is looked at", DRAIN, End.FAILED, turning=True),
        Stage(DRAIN, "lets go of what can run elsewhere", STAGE, LEAVE, turning=True),
        Stage(STAGE, "gets the version", LOCK, LEAVE, turning=True),
        Stage(LOCK, "waits for the reboot lock", ARM, LEAVE, turning=True),
        Stage(ARM, "gets a guard that would take it back", BOOT, LEAVE, turning=True),
        Stage(BOOT, "is told to reboot", RETURN, BACK),
        Stage(RETURN, "reboots", GATE, BACK),
        Stage(GATE, "proves itself", CONFIRM, BACK),
        Stage(CONFIRM, "is confirmed", UNDRAIN, BACK),
        Stage(UNDRAIN, "takes instances again", RELEASE, RELEASE),
        Stage(RELEASE, "gives back the reboot lock", End.DONE, End.DONE),
        Stage(LEAVE, "is left as it was", End.FAILED, End.FAILED),
        Stage(BACK, "goes back to the version before", RESTORE, End.LOST),
        Stage(RESTORE, "takes instances again, on the version before", End.ROLLED_BACK, End.ROLLED_BACK),
    ),
    turned_back=LEAVE,
)
