"""A host emptied by an engine, on real hosts."""

from __future__ import annotations

import asyncio

from tests.lab.fleet.placing import HELLO, Placing
from tests.lab.fleet.test_engine import REPLICAS


def test_a_drained_host_is_empty_but_for_its_own_and_no_instance_was_ever_down(placing: Placing) -> None:
    placing.leading()
    every = f"{HELLO}[X-Fleet]\nGlobal=true\n"
    placing.submit({"app@.service": REPLICAS % 3, "every.service": every})
    placing.until(lambda: len(placing.active("app@*")) == 3, "three run")
    placing.until(lambda: len(placing.active("every.service").get("every.service", ())) == 3, "on each host")
    (victim,) = placing.active("app@2.service")["app@2.service"]
    others = [host for host in placing.hosts if host != victim]

    placing.run("host", "drain", "--on", victim, "--yes", "--timeout", "40s")
    assert not placing.active("app@*", victim)
    assert len(placing.active("app@*", *others)) == 3
    assert not placing.files("app@2.service", victim)
    assert placing.active("every.service", victim), "what belongs to the host stays"

    # What is new goes elsewhere, until it is drained no more.
    placing.run("service", "scale", "app", "4", "--yes", "--timeout", "40s")
    assert not placing.active("app@*", victim)
    placing.run("host", "undrain", "--on", victim, "--yes")
    placing.run("service", "move", "app@4", victim, "--yes", "--timeout", "40s")
    assert placing.active("app@4.service") == {"app@4.service": (victim,)}


def test_a_host_that_goes_away_while_it_is_drained_is_drained_all_the_same(placing: Placing) -> None:
    placing.leading()
    placing.submit({"app@.service": REPLICAS % 3})
    placing.until(lambda: len(placing.active("app@*")) == 3, "three run")
    (victim,) = placing.active("app@1.service")["app@1.service"]
    others = [host for host in placing.hosts if host != victim]
    asyncio.run(placing.lab.cut(victim))
    placing.run("host", "drain", "--on", victim, "--yes", "--no-wait", "--timeout", "5s")
    placing.until(lambda: len(placing.active("app@*", *others)) == 3, "all run on the others", 25)
    asyncio.run(placing.lab.heal(victim))
    placing.until(lambda: not placing.active("app@*", victim), "its copies are stopped", 40)
    assert len(placing.active("app@*", *others)) == 3
