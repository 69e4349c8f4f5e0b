"""What a word on a `service …` line means: a unit file to submit, or a service or instance that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.engine.manifest import Manifest
from console.engine.services import UNIT_MAX, Assigned, Service
from console.errors import ConfigError, NothingSelected, Problem, UsageError
from console.model.selector import glob_matches, is_glob
from console.model.text import clean
from console.placement.exclusive import with_removal
from console.placement.spec import Spec, parse_spec
from console.placement.unit_name import TYPES, UnitName

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Meant:
    """One service that a line is about.

    :param before: as it is now; None if it is new.
    :param spec: as the line says it is to be: read from a file, or as it is.
    """

    before: Service | None
    spec: Spec

    @property
    def name(self) -> str:
        return self.spec.name


def full_name(word: str) -> str:
    """`web` is `web.service`, as systemctl has it."""
    return word if word.rpartition(".")[2] in TYPES and "." in word else f"{word}.service"


def is_file(word: str) -> bool:
    """Whether a word that may be either is a file: it has a slash, or a unit file of that name is here."""
    return "/" in word or (word.rpartition(".")[2] in TYPES and Path(word).is_file())


def read_spec(path: Path, *, removing: bool = False, name: str | None = None) -> Spec:
    """A unit file; of an instance that has none of its own, its template's, as fleet did.

    :param removing: add what has an exclusive one's container be gone with it.
    :param name: the unit's name, if it is not the file's.
    :raises ConfigError: it cannot be read, or is no spec; every problem, with its line.
    """
    unit = UnitName(path.name)
    if name is None and unit.template is not None and not unit.is_template and not path.exists():
        beside = path.with_name(unit.template)
        if beside.is_file():
            path, name = beside, path.name
    try:
        with path.open("rb") as file:
            found = file.read(UNIT_MAX + 1)
        if len(found) > UNIT_MAX:
            raise ConfigError((Problem(path, 0, f"is larger than {UNIT_MAX} bytes: no unit file"),))
        text = found.decode()
    except OSError as error:
        raise ConfigError((Problem(path, 0, f"cannot be read: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        line = found[: error.start].count(b"\n") + 1
        raise ConfigError((Problem(path, line, "is not UTF-8"),)) from None
    return parse_spec(with_removal(text) if removing else text, path, name)


def read_specs(files: Iterable[str], *, removing: bool = False) -> list[Spec]:
    """Unit files, by their paths. :raises ConfigError: the problems of all of them, in their order."""
    found: list[Spec] = []
    problems: list[Problem] = []
    for file in files:
        try:
            found.append(read_spec(Path(file).expanduser(), removing=removing))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(tuple(problems))
    return found


def named(words: Sequence[str], manifest: Manifest) -> list[Service]:
    """The services that names or globs mean, each once: `web` is `web.service` and `web@.service`.

    :raises NothingSelected: a name means none.
    :raises UsageError: it is an instance of a service, which only changes as a whole.
    """
    found: dict[str, Service] = {}
    for word in words:
        for service in _named(word.rpartition("/")[2], manifest):
            found[service.name] = service
    return list(found.values())


def meant(words: Sequence[str], manifest: Manifest) -> list[Meant]:
    """Services by files, which are read, or by names; one that is to be made of its template, by its name.

    :raises ConfigError: a file is no spec.
    :raises NothingSelected: a name means none.
    """
    found: dict[str, Meant] = {}
    for spec in read_specs(word for word in words if is_file(word)):
        found[spec.name] = Meant(manifest.services.get(spec.name), spec)
    for word in words:
        if is_file(word):
            continue
        if (spec_ := _from_template(word, manifest)) is not None:
            found[spec_.name] = Meant(None, spec_)
            continue
        for service in named((word,), manifest):
            found.setdefault(service.name, Meant(service, service.spec))
    return list(found.values())


def means(word: str, name: str) -> bool:
    """Whether a name or a glob means the service of that name."""
    return glob_matches(word, name) or name in (full_name(word), full_name(f"{word}@"))


def instance_of(word: str, manifest: Manifest) -> tuple[Service, str]:
    """The service of an instance, and the instance's full name.

    :raises NothingSelected: no service has it.
    """
    name = full_name(word)
    service = manifest.owner(name)
    if service is None or name not in service.spec.instances():
        template = manifest.services.get(UnitName(name).template or "") or manifest.services.get(name)
        if template is not None and (there := template.spec.instances()):
            hint = f"{template.name} has {_few(there)}"
        else:
            hint = "`quarterdeck service list`"
        raise NothingSelected(f"no service has an instance {clean(name, 80)}", hint=hint)
    return service, name


def placements(words: Sequence[str], manifest: Manifest) -> list[Assigned]:
    """Where the instances are placed that words mean, by their own names or their services'.

    :raises NothingSelected: one means none, or what is placed nowhere.
    """
    found: dict[Assigned, None] = {}
    for word in words:
        name = full_name(word)
        there = [one for one in manifest.assigned if one.instance == name]
        if not there:
            services = {service.name for service in named((word,), manifest)}
            there = [one for one in manifest.assigned if one.service in services]
        if not there:
            raise NothingSelected(f"{clean(word, 80)} is placed nowhere", hint="`quarterdeck service status`")
        found |= dict.fromkeys(there)
    return list(found)


def one_service(word: str, manifest: Manifest) -> Service:
    """:raises UsageError: the word means several. :raises NothingSelected: it means none."""
    found = named((word,), manifest)
    if len(found) > 1:
        raise UsageError(f"{clean(word, 80)} is {_few([one.name for one in found])}: say which")
    return found[0]


def _named(word: str, manifest: Manifest) -> list[Service]:
    services = manifest.services
    if found := [services[name] for name in sorted(services) if means(word, name)]:
        return found
    owner = manifest.owner(full_name(word))
    if owner is not None:
        raise UsageError(
            f"{full_name(word)} is an instance of {owner.name}, which changes as a whole",
            hint=f"`service scale {owner.name} N`; or `unit restart {full_name(word)} --on HOST`",
        )
    raise NothingSelected(f"there is no service {clean(word, 80)}", hint="`quarterdeck service list`")


def _from_template(word: str, manifest: Manifest) -> Spec | None:
    """`hello@3.service` where only the template is there: the template's text under that name, as fleet did.

    The template is what etcd has, else what lies beside as a file.
    """
    name = full_name(word)
    unit = UnitName(name)
    if unit.template is None or unit.is_template or is_glob(word) or manifest.owner(name) is not None:
        return None
    if (template := manifest.services.get(unit.template)) is not None:
        return parse_spec(template.spec.text, Path(template.name), name)
    return read_spec(Path(name)) if Path(unit.template).is_file() else None


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
