"""fleet's own functional tests, by number and name: daemons that end (docs/fleet.md).

node_test.go and shutdown_test.go; each wait has fleet's 15 seconds. What fleet's daemon on each host did, the
engine does here.
"""

from __future__ import annotations

from tests.lab.fleet.placing import HELLO, Placing


def test_16_node_shutdown(placing: Placing) -> None:
    """An engine that ends stops nothing, and the next has all hosts and units as they were."""
    engine = placing.leading()
    placing.submit({"hello.service": HELLO})
    placing.until(lambda: placing.active("hello.service"), "it runs")
    before = placing.invocations("hello.service")
    engine.end()
    assert placing.invocations("hello.service") == before
    placing.leading()
    placing.until(lambda: placing.standing(placing.hosts[0]) == "live", "the next has the hosts")
    placing.holds(lambda: placing.invocations("hello.service") == before, "it runs on", 1)


def test_17_detect_machine_id(placing: Placing) -> None:
    """One machine under two names is used under the first, and what runs there is left in peace."""
    twin = placing.hosts[0]
    placing.more = f'[[host]]\nname = "again"\naddress = "{placing.address(twin)}"\n'
    engine = placing.leading()
    placing.until(lambda: f"again: is {twin} under another name" in engine.said, "it is told")
    assert placing.standing("again") == "foreign"
    placing.submit({"apart@.service": f"{HELLO}[X-Quarterdeck]\nReplicas=4\nApart=self\n"})
    placing.until(lambda: len(placing.active("apart@*")) == 3, "one on each machine")
    before = placing.invocations("apart@*")
    placing.holds(lambda: placing.invocations("apart@*") == before, "all run on")
    placing.until(lambda: placing.reason("apart@4.service") == "apart on 3, foreign on 1", "it is told why")


def test_28_shutdown(placing: Placing) -> None:
    """An engine that is told to end does so, in good order and at once."""
    engine = placing.leading()
    assert engine.end() == 0
    assert engine.said.endswith("the engine has ended; what runs, runs on\n")


def test_29_shutdown_vs_monitor(placing: Placing) -> None:
    """Also while etcd does not answer, and the engine waits for it."""
    with placing.own_etcd() as etcd:
        engine = placing.leading()
        placing.submit({"hello.service": HELLO})
        placing.until(lambda: placing.active("hello.service"), "it runs")
        before = placing.invocations("hello.service")
        etcd.freeze()
        placing.until(lambda: "another engine may lead" in engine.said, "its claim runs out", 25)
        assert engine.end() == 0
        assert placing.invocations("hello.service") == before
        etcd.thaw()
