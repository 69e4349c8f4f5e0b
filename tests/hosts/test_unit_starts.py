"""How services are started, read from a systemd in this process; a host may say anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from console.hosts.manager import SystemdManager
from console.hosts.transport import Completed, Transport
from console.hosts.unit_starts import unit_starts, with_files
from console.model.unit_start import ExecStart, UnitStart

ROW = ["/usr/bin/docker", ["/usr/bin/docker", "run", "shop"], ["ignore-failure"], 0, 0, 0, 0, 0, 0, 0]


class Told:
    """A systemd that says these properties."""

    def __init__(self, **properties: Any) -> None:
        self.properties = properties

    async def read(
        self, wanted: Iterable[tuple[str, str, str]], told: Callable[[str, str, Any], None]
    ) -> None:
        for name, _, member in wanted:
            told(name, member, self.properties.get(member))


class Marks:
    """A host on which an engine's mark is, or is not."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    async def run(self, argv: tuple[str, ...], **_: Any) -> Completed:
        return Completed(argv, 2, self.said, b"")


async def starts(said: Any) -> dict[str, UnitStart]:
    manager = cast("SystemdManager", Told(ExecStartEx=said))
    return await unit_starts(manager, ["shop.service", "shop.socket"])


async def test_a_services_commands_are_read_with_their_prefixes() -> None:
    found = await starts([ROW])
    wanted = ExecStart("/usr/bin/docker", ("/usr/bin/docker", "run", "shop"), ("ignore-failure",))
    assert found == {"shop.service": UnitStart("shop.service", (wanted,))}


async def test_what_is_no_command_is_left_out() -> None:
    for said in (None, "x", [], [["/bin/x"]], [[1, 2]], [["/bin/x", "a", "b"]], [["/x", ["a"] * 5000, []]]):
        assert await starts(said) == {}


async def test_files_tell_who_has_written_a_unit() -> None:
    unit = UnitStart("shop.service", ())
    told = Told(
        FragmentPath="/run/systemd/generator/shop.service",
        SourcePath="/etc/containers/systemd/shop.container",
        DropInPaths=["/etc/systemd/system/shop.service.d/a.conf"],
    )
    manager = cast("SystemdManager", told)
    found = await with_files(manager, cast("Transport", Marks(b"")), unit)
    assert found.file == "/etc/containers/systemd/shop.container"
    assert found.drop_ins == ("/etc/systemd/system/shop.service.d/a.conf",)
    assert not found.placed
    marked = Marks(b"/run/quarterdeck/units/shop.service\n")
    placed = await with_files(manager, cast("Transport", marked), unit)
    assert placed.placed
