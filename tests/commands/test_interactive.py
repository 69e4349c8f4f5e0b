"""How what is done by hand in a container is run on its host."""

from __future__ import annotations

from console.actions.remote import Ran
from console.commands.everything import core_registry
from console.commands.fleetctl import Ssh
from console.commands.grammar import parse_line
from console.commands.interactive import engine_command
from console.commands.rows.ran import ran_fields, ran_lines
from console.hosts.engine_sockets import DOCKER_SOCKET
from console.model.container import Container
from tests.hosts.engine_daemon import DaemonTransport


def on(engine: str) -> Container:
    return Container("web1", "web", "a" * 64, "i", "", "running", engine)


async def test_docker_is_root_only_for_who_lacks_its_group() -> None:
    transport = DaemonTransport()
    assert await engine_command(transport, on("docker")) == (
        ("docker", "--host", f"unix://{DOCKER_SOCKET}"),
        True,
    )
    transport.codes[f"test -w {DOCKER_SOCKET}"] = 0
    assert (await engine_command(transport, on("docker")))[1] is False


async def test_podman_is_roots() -> None:
    assert await engine_command(DaemonTransport(), on("podman")) == (("podman",), True)


def test_fleetctls_word_for_a_shell() -> None:
    assert parse_line("ssh web1", core_registry()).command == Ssh("web1")
    assert parse_line("ssh web@1 -- uptime", core_registry()).command == Ssh("web@1", argv=("uptime",))


def test_what_a_host_says_is_shown_line_by_line_and_safely() -> None:
    ran = Ran("web1", 3, b"one\n\x1b[31mtwo\n\n\xff", b"oops\n", truncated=True)
    assert [" ".join(cell.text for cell in cells) for cells in ran_lines(ran)] == [
        "web1 | one",
        "web1 | two",
        "web1 | ",
        "web1 | �",
        "web1 ▲ and more",
        "web1 ! oops",
        "web1 ✖ exit code 3",
    ]
    assert ran_lines(Ran("web1", 0)) == []
    assert ran_fields(Ran("web1", None, error="no answer"))["code"] is None
