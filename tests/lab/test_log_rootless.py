"""What a user's own containers write, by podman without root, on a real host."""

from __future__ import annotations

from console.lab.lab import Lab
from console.model.log import LogQuery
from tests.lab.journal_host import host_of

USER, UID = "sailor", 1100
_RUNTIME, _UNITS = f"/run/user/{UID}", f"/run/systemd/system/user@{UID}.service.d"
#: The lab's hosts have neither a bus for users nor newuidmap: a user's service manager is told where its
#: folder is, and the container has one user.
_SET_UP = rf"""
set -e
useradd --create-home --uid {UID} {USER}
sed -i /^{USER}:/d /etc/subuid /etc/subgid
mkdir -p {_UNITS}
printf '[Service]\nEnvironment=XDG_RUNTIME_DIR={_RUNTIME}\n' > {_UNITS}/lab.conf
mkdir -p ~{USER}/.config/containers ~{USER}/.config/systemd/user
cat > ~{USER}/.config/containers/storage.conf <<END
[storage]
driver = "vfs"
[storage.options.vfs]
ignore_chown_errors = "true"
END
image=$(podman image ls -q | head -n1)
podman image save -q -o /run/{USER}.tar $image
chmod 644 /run/{USER}.tar
cat > ~{USER}/.config/systemd/user/spoken.service <<END
[Service]
Type=oneshot
ExecStart=/usr/bin/podman image load -q -i /run/{USER}.tar
ExecStart=/usr/bin/podman run --rm --name spoken --network none --cgroups no-conmon --log-driver journald \
    $image sh -c "echo its own words; sleep 1"
END
chown -R {USER}: ~{USER}/.config
systemctl daemon-reload
systemctl start user-runtime-dir@{UID}.service user@{UID}.service
"""
_AS_USER = f"setpriv --reuid={UID} --regid={UID} --clear-groups env -C / HOME=/home/{USER}"
_CLEAN_UP = f"""
systemctl stop user@{UID}.service user-runtime-dir@{UID}.service
userdel --force --remove {USER} 2>/dev/null
rm -rf /run/{USER}.tar {_UNITS}
systemctl daemon-reload
"""
_LIE = r"MESSAGE=a lie\nCONTAINER_NAME=spoken\nCONTAINER_ID_FULL=abcdef\n"


async def test_a_users_container_is_believed_of_that_user_and_a_claim_of_any_other_process_is_marked(
    lab: Lab,
) -> None:
    host = await host_of(lab, "podman1")
    try:
        await host.root(_SET_UP)
        await host.root(f"{_AS_USER} XDG_RUNTIME_DIR={_RUNTIME} systemctl --user start spoken.service")
        await host.root(f"printf '{_LIE}' | {_AS_USER} logger --journald")
        await host.root(f"printf '{_LIE}' | setpriv --reuid=guest --clear-groups logger --journald")
        await host.root("journalctl --sync")
        records = await host.read(LogQuery(containers=("spoken",)))
    finally:
        await host.root(_CLEAN_UP)
    told = {(record.message, record.user, record.trusted) for record in records if record.user != "root"}
    assert told == {("its own words", USER, True), ("a lie", USER, False), ("a lie", "guest", False)}
    own = next(record for record in records if record.message == "its own words")
    assert own.unit == f"user@{UID}.service"
    assert own.container == "spoken"
