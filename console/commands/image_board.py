"""What runs where, by image: kept up to date by the containers that changed.

Containers are of one image that follow the same tag and run the same content. What the tag stands for now is
told from outside, since that is asked of a registry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.actions.containers import state_class
from console.commands.container_behind import judged
from console.commands.container_standing import Standing, asked_image, tag_of
from console.model.container import Container
from console.model.image import Reference

if TYPE_CHECKING:
    from console.fleet.model import ContainerKey, FleetModel

#: The tag that is followed, and the digest that runs, or the image's id where it has none.
ImageKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image, and the containers of it.

    :param standing: what its tag stands for; None: not asked yet, or it follows none.
    :param denied: why what it runs is denied; None: it is not.
    :param newer_denied: the same of what its tag stands for.
    """

    image: str
    content: str
    containers: tuple[Container, ...]
    standing: Standing | None = None
    denied: str | None = None
    newer_denied: str | None = None

    @property
    def running(self) -> int:
        """How many of its containers run."""
        return sum(state_class(box.state) == "up" for box in self.containers)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(sorted({box.host for box in self.containers}))

    @property
    def behind(self) -> bool | None:
        """Whether its tag stands for something else; None where that is not known."""
        return None if self.standing is None else judged(self.containers[0], self.standing).behind


def image_key(box: Container) -> ImageKey:
    """Which image's container it is."""
    return asked_image(box), box.digest or box.image_id


class ImageBoard:
    """The rows of every image, worked out anew for those that changed."""

    def __init__(self, model: FleetModel) -> None:
        self._model = model
        self._images: dict[ContainerKey, ImageKey] = {}
        self._containers: dict[ImageKey, set[ContainerKey]] = {}
        self._standings: dict[Reference, Standing] = {}
        self._denied: Mapping[str, str] = {}

    def look_up(self, key: ImageKey) -> ImageRow | None:
        found = (self._model.container(each) for each in self._containers.get(key, ()))
        boxes = sorted((box for box in found if box is not None), key=lambda box: (box.host, box.name))
        if not boxes:
            return None
        tag = tag_of(boxes[0])
        standing = self._standings.get(tag) if tag is not None else None
        newer = self._denied.get(standing.digest) if standing is not None and standing.digest else None
        return ImageRow(*key, tuple(boxes), standing, self._denied.get(key[1]), newer)

    def update(self, containers: Iterable[ContainerKey]) -> set[ImageKey]:
        """Look at containers again; the keys of what may have come, changed or gone."""
        touched: set[ImageKey] = set()
        for each in containers:
            box, before = self._model.container(each), self._images.get(each)
            after = None if box is None else image_key(box)
            touched |= {key for key in (before, after) if key is not None}
            if before is not None and before != after:
                self._containers[before].discard(each)
                del self._images[each]
            if after is not None:
                self._containers.setdefault(after, set()).add(each)
                self._images[each] = after
        for key in touched:
            if not self._containers.get(key):
                self._containers.pop(key, None)
        return touched

    def unasked(self) -> dict[Reference, list[Container]]:
        """The tags of what runs that have not been asked about, with those that follow them."""
        found: dict[Reference, list[Container]] = {}
        for each in self._images:
            box = self._model.container(each)
            if box is None or state_class(box.state) != "up" or (tag := tag_of(box)) is None:
                continue
            if tag not in self._standings:
                found.setdefault(tag, []).append(box)
        return found

    def told(self, standings: Mapping[Reference, Standing]) -> set[ImageKey]:
        """What tags stand for; the keys of all rows."""
        self._standings.update(standings)
        return set(self._containers)

    def forget(self) -> None:
        """Have every tag be asked about again; what is known stands until then."""
        self._standings.clear()

    def deny(self, denied: Mapping[str, str]) -> set[ImageKey]:
        """Why digests are denied; the keys of rows that may have changed by it."""
        if denied == self._denied:
            return set()
        self._denied = denied
        return set(self._containers)
