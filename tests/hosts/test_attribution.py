"""Who a journal entry is from, and who only says so."""

from __future__ import annotations

import pytest

from console.hosts.attribution import COREDUMP_MESSAGE_ID, attribute, found_under

ID = b"4f5e" * 16
DOCKERD = {b"_UID": b"0", b"_COMM": b"dockerd", b"_SYSTEMD_UNIT": b"docker.service"}
CONMON = {b"_UID": b"0", b"_COMM": b"conmon", b"_SYSTEMD_UNIT": b"libpod-conmon-%s.scope" % ID}
CLAIM = {b"CONTAINER_NAME": b"api", b"CONTAINER_ID_FULL": ID}


@pytest.mark.parametrize(
    ("sender", "trusted"),
    [
        pytest.param(DOCKERD, True, id="dockerd in docker.service"),
        pytest.param(CONMON, True, id="conmon in the scope of its own container"),
        pytest.param(CONMON | {b"_SYSTEMD_UNIT": b"api.service"}, True, id="conmon in a Quadlet service"),
        pytest.param(DOCKERD | {b"_UID": b"1000"}, False, id="a user's process that is called dockerd"),
        pytest.param(DOCKERD | {b"_SYSTEMD_UNIT": b"evil.service"}, False, id="dockerd in another unit"),
        pytest.param(DOCKERD | {b"_COMM": b"sh"}, False, id="another program in docker.service"),
        pytest.param(CONMON | {b"_UID": b"1000"}, False, id="rootless podman"),
        pytest.param(
            CONMON | {b"_SYSTEMD_UNIT": b"libpod-conmon-%s.scope" % (b"0000" * 16)},
            False,
            id="conmon in the scope of another container",
        ),
        pytest.param(CONMON | {b"_SYSTEMD_UNIT": b"session-1.scope"}, False, id="conmon in a login session"),
        pytest.param({b"_UID": b"0", b"_COMM": b"logger"}, False, id="root's own logger"),
        pytest.param({}, False, id="nobody known"),
    ],
)
def test_a_container_is_believed_only_from_the_engines_own_processes(
    sender: dict[bytes, bytes], trusted: bool
) -> None:
    who = attribute(sender | CLAIM)
    assert who.container == b"api"
    assert who.trusted is trusted


def test_a_process_that_writes_every_container_field_is_still_only_claiming() -> None:
    spoof = CLAIM | {
        b"CONTAINER_ID": ID[:12],
        b"CONTAINER_TAG": b"api",
        b"IMAGE_NAME": b"registry/api:1",
        b"SYSLOG_IDENTIFIER": b"dockerd",
        b"_UID": b"1000",
        b"_COMM": b"dockerd",
        b"_SYSTEMD_UNIT": b"docker.service",
    }
    assert not attribute(spoof).trusted


def test_conmon_needs_the_container_id_that_its_scope_is_named_for() -> None:
    scope_of_nothing = CONMON | {b"_SYSTEMD_UNIT": b"libpod-conmon-.scope", b"CONTAINER_NAME": b"api"}
    assert attribute(CONMON | {b"CONTAINER_NAME": b"api"}).trusted is False
    assert attribute(scope_of_nothing).trusted is False


def test_an_entry_of_no_container_is_not_in_doubt() -> None:
    who = attribute({b"_UID": b"1000", b"_SYSTEMD_UNIT": b"web.service"})
    assert (who.unit, who.container, who.trusted) == (b"web.service", None, True)


@pytest.mark.parametrize(
    ("fields", "unit"),
    [
        ({b"_SYSTEMD_UNIT": b"web.service"}, b"web.service"),
        ({b"_PID": b"1", b"_SYSTEMD_UNIT": b"init.scope", b"UNIT": b"web.service"}, b"web.service"),
        ({b"_PID": b"1", b"_SYSTEMD_UNIT": b"init.scope"}, b"init.scope"),
        ({b"_PID": b"77", b"_SYSTEMD_UNIT": b"sneaky.service", b"UNIT": b"web.service"}, b"sneaky.service"),
        (
            {
                b"_UID": b"0",
                b"_SYSTEMD_UNIT": b"systemd-coredump@3.service",
                b"COREDUMP_UNIT": b"web.service",
                b"MESSAGE_ID": COREDUMP_MESSAGE_ID,
            },
            b"web.service",
        ),
        (
            {b"_UID": b"0", b"_SYSTEMD_UNIT": b"shell.service", b"COREDUMP_UNIT": b"web.service"},
            b"shell.service",
        ),
        ({b"_UID": b"0", b"OBJECT_SYSTEMD_UNIT": b"docker.service"}, b"docker.service"),
        (
            {b"_UID": b"9", b"_SYSTEMD_UNIT": b"a.service", b"OBJECT_SYSTEMD_UNIT": b"docker.service"},
            b"a.service",
        ),
        ({b"_PID": b"1", b"UNIT": [b"first.service", b"second.service"]}, b"first.service"),
        ({}, None),
    ],
)
def test_the_unit_is_the_one_an_entry_is_about(
    fields: dict[bytes, bytes | list[bytes]], unit: bytes | None
) -> None:
    assert attribute(fields).unit == unit


def test_an_entry_is_found_under_the_unit_it_is_about_its_sender_and_its_slice() -> None:
    entry = {
        b"_PID": b"1",
        b"UNIT": b"web.service",
        b"_SYSTEMD_UNIT": b"init.scope",
        b"_SYSTEMD_SLICE": b"-.slice",
    }
    assert list(found_under(entry)) == [b"web.service", b"init.scope", b"-.slice"]


USER_CONMON = {
    b"_UID": b"1000",
    b"_COMM": b"conmon",
    b"_SYSTEMD_UNIT": b"user@1000.service",
    b"_SYSTEMD_USER_UNIT": b"libpod-conmon-%s.scope" % ID,
}


@pytest.mark.parametrize(
    ("sender", "trusted"),
    [
        pytest.param(USER_CONMON, True, id="rootless podman's conmon, below its user's manager"),
        pytest.param(USER_CONMON | {b"_SYSTEMD_USER_UNIT": b"api.service"}, True, id="in a user's service"),
        pytest.param(USER_CONMON | {b"_UID": b"1001"}, False, id="below another user's manager"),
        pytest.param(USER_CONMON | {b"_COMM": b"dockerd"}, False, id="a user's dockerd"),
        pytest.param(USER_CONMON | {b"_COMM": b"logger"}, False, id="another program of the user's"),
        pytest.param(USER_CONMON | {b"_SYSTEMD_UNIT": b"session-1.scope"}, False, id="in a login session"),
        pytest.param(
            USER_CONMON | {b"_SYSTEMD_USER_UNIT": b"libpod-conmon-%s.scope" % (b"0000" * 16)},
            False,
            id="in the scope of another container",
        ),
        pytest.param(
            CONMON
            | {
                b"_SYSTEMD_UNIT": b"api.service",
                b"_SYSTEMD_CGROUP": b"/system.slice/api.service/libpod-payload-4f5e",
            },
            False,
            id="a process in the container that calls itself conmon",
        ),
    ],
)
def test_rootless_podman_is_believed_of_its_own_users_containers_only(
    sender: dict[bytes, bytes], trusted: bool
) -> None:
    assert attribute(sender | CLAIM).trusted is trusted


def test_the_image_is_believed_with_the_container_and_named_by_nobody_else() -> None:
    image = {b"IMAGE_NAME": b"registry/api:1"}
    assert attribute(DOCKERD | CLAIM | image).image == b"registry/api:1"
    assert attribute({b"_UID": b"1000"} | image).image is None
