"""What happened on a real host, told by its systemd and by the audit, in one order."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.changing import Writer
from tests.lab.truth import Truth


def test_what_was_done_and_what_came_of_it_stand_one_after_the_other(truth: Truth, tmp_path: Path) -> None:
    writer = Writer(truth, tmp_path)
    writer.run("unit", "restart", "steady", "--on", "docker1", "--yes", code=0)
    writer.run("container", "restart", "web", "--on", "docker1", "--yes", code=0)
    truth.ask("docker1", "journalctl --sync", user="root")
    words = ("--on", "docker1", "-u", "steady", "-u", "web", "--since", "10m", "-o", "json")
    found = json.loads(writer.run("fleet", "timeline", *words, code=0).stdout)
    assert found == sorted(found, key=lambda one: one["time"])
    done = {one["what"]: index for index, one in enumerate(found) if one["source"] == "audit"}
    after = [one["text"].split(" - ")[0] for one in found[done["steady.service"] :]]
    assert after.index("Stopped steady.service") < after.index("Started steady.service")
    after = [one["text"] for one in found[done["web"] :]]
    assert after.index("container web: Deactivated successfully.") < after.index("Started container web")
