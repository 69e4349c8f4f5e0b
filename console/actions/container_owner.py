"""Which unit makes a container, and what the unit is to say for another image. Pure.

    shop.service   ExecStart=/usr/bin/docker run --name shop … registry/shop:1.4 serve
                             └ engine        └ verb     └ name └ image           └ its command

Told by that command line, which Quadlet writes too, or by the label that podman puts on what a unit starts.
Command lines: docker-run(1), podman-run(1); unit files: systemd.service(5), "COMMAND LINES"; Quadlet:
podman-systemd.unit(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from console.actions.successor import BEFORE, OURS
from console.model.container import Container
from console.model.image import Reference, parse_reference
from console.model.unit_start import ExecStart, UnitStart

#: Where a unit's image is said, if an update has said it.
DROP_IN = "60-quarterdeck-image.conf"
SYSTEMD_FOLDER, QUADLET_FOLDER = "/etc/systemd/system", "/etc/containers/systemd"

#: Labels of docker compose, docker-compose and podman-compose: the project, and its files.
_COMPOSE = ("com.docker.compose.project", "io.podman.compose.project")
_COMPOSE_FILES = "com.docker.compose.project.config_files"

_ENGINES = ("docker", "podman")
_MAKES, _STARTS = "run", "start"
_SHELLS = ("sh", "bash", "dash", "env")
_PREFIXES = {
    "ignore-failure": "-",
    "no-env-expand": ":",
    "privileged": "+",
    "no-setuid": "!",
    "ambient": "!!",
}
_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./${}!^*?~#&|<>()\[\]-]+")
_HEADER = """\
# Written by Quarterdeck's `container update`: which image it runs, whatever its own file says.
# Take it back with `container rollback`; or remove this file, reload systemd and restart.
"""


@dataclass(frozen=True, slots=True)
class Owned:
    """A container's unit, and its part in it.

    :param start: which of the unit's commands makes or starts it; None where only a label names the unit.
    :param verb: run, or start; `shell` where a shell's line does it.
    """

    unit: UnitStart
    start: ExecStart | None
    verb: str

    def label(self, name: str) -> str | None:
        """What the command line gives the container as this label."""
        argv = self.start.argv if self.start is not None else ()
        told = [text for text in _labels(argv) if text.startswith(f"{name}=")]
        return told[-1].partition("=")[2] if told else None


def owner_of(container: Container, units: Iterable[UnitStart]) -> Owned | None:
    """The unit whose container it is; None where it is nobody's, as far as can be told."""
    named: Owned | None = None
    for unit in units:
        found = _part_in(unit, container.engine, container.name)
        if unit.unit == container.unit:
            return found or Owned(unit, None, "")
        named = named or found
    return named


def made_names(units: Iterable[UnitStart]) -> list[tuple[str, str, Owned]]:
    """Engine and name of each container that a unit makes by a command line, and its part in that."""
    found = []
    for unit in units:
        for start in unit.starts:
            engine, verb, after = _engine_line(start)
            name = _name(after) if verb == _MAKES else None
            if name is not None:
                found.append((engine, name, Owned(unit, start, verb)))
    return found


def compose_project(container: Container) -> str | None:
    """The compose project that a container belongs to, with its file where that is told; None: to none."""
    project = next((said for label in _COMPOSE if (said := container.labels.get(label))), None)
    if project is None:
        return None
    files = container.labels.get(_COMPOSE_FILES)
    return f"the compose project {project}" + (f" ({files})" if files else "")


def refusal(owned: Owned, container: Container) -> str | None:
    """Why the unit cannot be told another image by us, and what a person can do; None: it can."""
    unit, file = owned.unit, owned.unit.file
    if unit.placed:
        return (
            f"{unit.unit} makes it, a service of the fleet's: change the image there, with `service update`"
        )
    if unit.source and not unit.source.endswith(".container"):
        return f"{unit.unit} makes it, of {file}: change the image there, and restart it"
    if owned.verb == _STARTS:
        return (
            f"{unit.unit} starts and stops it, and would take its successor for it: "
            f"have {file} make it with `{container.engine} run`"
        )
    if owned.start is None:
        return f"{unit.unit} makes it, and does not say how: change the image in {file}, and restart it"
    if owned.verb == "shell":
        return f"{unit.unit} makes it by a shell's line: change the image in {file}, and restart it"
    if not unit.source and _image_at(owned.start.argv, container.image) is None:
        return (
            f"{unit.unit} makes it, and its command line does not have {container.image} once, as it stands: "
            f"change the image where {file} has it from, and restart it"
        )
    if not unit.source and exec_line(owned.start) is None:
        return f"{unit.unit} makes it by a command with a prefix that is not known: change {file}"
    return None


def drop_in_path(unit: UnitStart) -> str:
    """Where the unit's image is said."""
    if unit.source:
        return f"{QUADLET_FOLDER}/{unit.source.rpartition('/')[2]}.d/{DROP_IN}"
    return f"{SYSTEMD_FOLDER}/{unit.unit}.d/{DROP_IN}"


def drop_in_text(owned: Owned, now: str, image: str, labels: Mapping[str, str]) -> str:
    """What is to stand there for the unit to run `image`. Only where there is no `refusal`.

    :param now: the image it is made of now, as its container has it.
    :param labels: what its container is to tell of this.
    """
    if owned.unit.source:
        told = "".join(f"Label={_word(f'{name}={said}')}\n" for name, said in labels.items())
        return f"{_HEADER}[Container]\nImage={image}\n{told}"
    assert owned.start is not None
    lines = []
    for start in owned.unit.starts:
        one = start if start != owned.start else with_image(start, now, image, labels)
        lines.append(f"ExecStart={exec_line(one)}\n")
    return f"{_HEADER}[Service]\nExecStart=\n{''.join(lines)}"


def with_image(start: ExecStart, now: str, image: str, labels: Mapping[str, str]) -> ExecStart:
    """The same command with another image, and with these labels in place of ours of before."""
    at = _image_at(start.argv, now)
    assert at is not None
    options = _without_ours(start.argv[:at])
    told = [word for name, said in labels.items() for word in ("--label", f"{name}={said}")]
    return replace(start, argv=(*options, *told, image, *start.argv[at + 1 :]))


def image_said(owned: Owned) -> str | None:
    """The image that an update has put in a unit's command line; None where none has."""
    argv = owned.start.argv if owned.start is not None else ()
    if owned.unit.source:
        # Quadlet has its own order; what updates say is a digest.
        pinned = (word for word in argv if "@sha256:" in word and "=" not in word)
        return next(pinned, None)
    at = _image_at(argv, "") if owned.label(BEFORE) is not None else None
    return None if at is None else argv[at]


def says_image(unit: UnitStart, image: str) -> bool:
    """Whether a unit's commands name this image."""
    return any(image in start.argv for start in unit.starts)


def exec_line(start: ExecStart) -> str | None:
    """A command as `ExecStart=` takes it; None where it has a prefix that is not known."""
    prefixes = [_PREFIXES.get(flag) for flag in start.flags]
    if None in prefixes or not start.argv:
        return None
    words = [_word(word) for word in start.argv]
    if start.argv[0] != start.path:
        words = [f"@{_word(start.path)}", *words]
    return "".join(prefix for prefix in prefixes if prefix) + " ".join(words)


def _word(word: str) -> str:
    """A word as a unit file has it: quoted where it must be, its percent signs doubled."""
    doubled = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return doubled
    escaped = doubled.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"'
        + "".join(char if char >= " " and char != "\x7f" else f"\\x{ord(char):02x}" for char in escaped)
        + '"'
    )


def _part_in(unit: UnitStart, engine: str, name: str) -> Owned | None:
    for start in unit.starts:
        its_engine, verb, after = _engine_line(start)
        if its_engine == engine and verb == _MAKES and _name(after) == name:
            return Owned(unit, start, verb)
        if its_engine == engine and verb == _STARTS and name in after:
            return Owned(unit, start, verb)
        if start.path.rpartition("/")[2] in _SHELLS and _shell_makes(start.argv, engine, name):
            return Owned(unit, start, "shell")
    return None


def _engine_line(start: ExecStart) -> tuple[str, str, tuple[str, ...]]:
    """Engine, verb and what comes after it; all empty for any other program's command."""
    engine = start.path.rpartition("/")[2]
    if engine not in _ENGINES:
        return "", "", ()
    for at, word in enumerate(start.argv[1:], 1):
        if word in (_MAKES, _STARTS):
            return engine, word, start.argv[at + 1 :]
    return engine, "", ()


def _name(after: Iterable[str]) -> str | None:
    words = iter(after)
    for word in words:
        if word == "--name":
            return next(words, None)
        if word.startswith("--name="):
            return word.partition("=")[2]
    return None


def _shell_makes(argv: Iterable[str], engine: str, name: str) -> bool:
    makes = re.compile(rf"\b{engine}\b.*\brun\b.*--name[ =]['\"]?{re.escape(name)}(?![\w.-])", re.DOTALL)
    return makes.search(" ".join(argv)) is not None


def _image_at(argv: tuple[str, ...], image: str) -> int | None:
    """Where the image stands in a command line; None where no word after the verb is it, or several are.

    An update of before has put it after our labels, also one that was broken off: then it is another image
    than the container has.
    """
    ours = [at for at in range(1, len(argv) - 1) if argv[at - 1] == "--label" and argv[at].startswith(OURS)]
    if ours:
        return ours[-1] + 1
    wanted, verb = _known_as(image), argv.index(_MAKES) if _MAKES in argv else len(argv)
    found = [at for at in range(verb + 1, len(argv)) if _known_as(argv[at]) & wanted]
    return found[0] if len(found) == 1 else None


def _known_as(image: str) -> frozenset[str]:
    """The names under which an image goes: as it stands, and as engines spell it out."""
    try:
        reference = parse_reference(image)
    except ValueError:
        return frozenset({image})
    return frozenset({image, str(reference), str(_spelled_out(reference))})


def _spelled_out(reference: Reference) -> Reference:
    """`busybox` as `docker.io/library/busybox`."""
    first, slash, _ = reference.repository.partition("/")
    if not slash:
        return replace(reference, repository=f"docker.io/library/{reference.repository}")
    if "." in first or ":" in first or first == "localhost":
        return reference
    return replace(reference, repository=f"docker.io/{reference.repository}")


def _labels(argv: tuple[str, ...]) -> list[str]:
    """`name=value` of each `--label`."""
    found = [word.partition("=")[2] for word in argv if word.startswith("--label=")]
    found += [argv[at + 1] for at in range(len(argv) - 1) if argv[at] in ("--label", "-l")]
    return found


def _without_ours(argv: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word in ("--label", "-l"):
            told = next(words, "")
            if not told.startswith(OURS):
                kept += [word, told]
        elif not word.startswith(f"--label={OURS}"):
            kept.append(word)
    return kept
