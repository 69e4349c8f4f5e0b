"""What tags stand for in their registries now, asked through the hosts' own engines.

A tag is asked about once, whoever runs it: by a docker host that does, else by any other. podman has no such
question; to pull is its only way to find out, and that changes the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from console.actions.successor import ASKED
from console.errors import Absent, HostError
from console.model.container import Container
from console.model.image import Reference, parse_reference
from console.model.state import Source

if TYPE_CHECKING:
    from console.commands.core import View
    from console.hosts.containers import ContainersSource
    from console.hosts.engine_api import Engine

#: So many hosts are asked about a tag, where the first does not know.
_ASKED_MOST = 2
_NOBODY = "podman cannot be asked what a tag stands for, and no docker host is there to ask"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tag stands for now.

    :param digest: `sha256:…`; None: it cannot be known, and `why` says why not.
    :param error: what the last host said that could not tell.
    """

    digest: str | None
    why: str = ""
    error: HostError | None = None


def asked_image(container: Container) -> str:
    """What a container was asked to be made of: a tag, where one was named."""
    return container.labels.get(ASKED, container.image)


def tag_of(container: Container) -> Reference | None:
    """The tag that a container follows; None: it was made from an image's id, which has no name."""
    if is_id(text := asked_image(container)):
        return None
    try:
        return parse_reference(text)
    except ValueError:
        return None


def is_id(image: str) -> bool:
    """Whether an image is called by its id."""
    name = image.removeprefix("sha256:")
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


async def standing(view: View, reference: Reference, containers: Iterable[Container]) -> Standing:
    """What a tag stands for now. Asks until one host knows.

    :param containers: those that follow it: their hosts are asked first.
    """
    if reference.digest is not None:
        return Standing(reference.digest)
    refused: HostError | None = None
    for asked, engine in enumerate(_able(view, containers)):
        if asked == _ASKED_MOST:
            break
        try:
            digest = await engine.digest(str(reference))
        except Absent as error:
            return Standing(None, error.message, error)
        except HostError as error:
            refused = error
            continue
        if digest is not None:
            return Standing(digest)
    if refused is not None:
        return Standing(None, f"{refused.host}: {refused.message}", refused)
    return Standing(None, _NOBODY)


async def standings(view: View, wanted: Mapping[Reference, Sequence[Container]]) -> dict[Reference, Standing]:
    """What each tag stands for now; many at once."""
    from console.commands.asking import ask_each

    async def one(reference: Reference) -> tuple[Reference, Standing]:
        return reference, await standing(view, reference, wanted[reference])

    return dict(await ask_each(wanted, one, _raised))


def _raised(error: HostError) -> None:
    raise error  # `standing` tells errors as values


def _able(view: View, containers: Iterable[Container]) -> Iterator[Engine]:
    """The engines that can be asked, each once: those of the containers' hosts, then others."""
    first = dict.fromkeys(each.host for each in containers if view.includes(each.host))
    for host in (*first, *(each.name for each in view.hosts() if each.name not in first)):
        source = cast("ContainersSource", view.fleet.source(host, Source.CONTAINERS))
        yield from (engine for engine in source.engines if engine.kind == "docker")
