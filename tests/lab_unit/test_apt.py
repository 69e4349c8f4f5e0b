"""Which archive the image comes from is read from the machine's own apt configuration."""

from __future__ import annotations

from console.lab.apt import KEYRING, Source, for_release, options, parse_sources

DEB822 = """\
Types: deb
# a comment between fields
URIs: http://one.example/os
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://one.example/os
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://two.example/os
Suites: bookworm
Components: main
"""


def test_deb822_stanzas_are_read_and_disabled_and_source_ones_are_not() -> None:
    assert parse_sources({"debian.sources": DEB822}) == [
        Source(
            "http://one.example/os",
            ("bookworm", "bookworm-updates", "bookworm-backports"),
            ("main", "contrib"),
            "/usr/share/keyrings/debian-archive-keyring.gpg",
        )
    ]


def test_one_line_sources_are_read_with_their_options() -> None:
    text = (
        "# deb http://three.example/os bookworm main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
        "http://one.example/os bookworm main contrib # ours\n"
        "deb-src http://one.example/os bookworm main\n"
        "deb http://security.example/os-security bookworm-security main\n"
    )
    assert parse_sources({"sources.list": text}) == [
        Source(
            "http://one.example/os",
            ("bookworm",),
            ("main", "contrib"),
            "/usr/share/keyrings/debian-archive-keyring.gpg",
        ),
        Source("http://security.example/os-security", ("bookworm-security",), ("main",)),
    ]


def test_files_that_apt_does_not_read_are_left_alone() -> None:
    line = "deb http://one.example/os bookworm main"
    assert parse_sources({"debian.sources.save": DEB822, "notes.txt": line}) == []


def test_the_release_takes_the_place_of_this_machines_own_and_backports_go() -> None:
    sources = parse_sources({"debian.sources": DEB822})
    key = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg"
    assert for_release(sources, "bookworm", "trixie") == [
        f"deb [{key}] http://one.example/os trixie main",
        f"deb [{key}] http://one.example/os trixie-updates main",
    ]


def test_suites_named_by_their_role_and_old_security_suites_count_as_debians() -> None:
    sources = [
        Source("http://a.example/os", ("stable",), ("main",)),
        Source("http://a.example/os-security", ("bookworm/updates",), ("main",)),
    ]
    assert for_release(sources, "bookworm", "trixie") == [
        f"deb [signed-by={KEYRING}] http://a.example/os trixie main",
        f"deb [signed-by={KEYRING}] http://a.example/os-security trixie-security main",
    ]


def test_third_parties_are_ignored() -> None:
    sources = [
        Source("http://node.example/node", ("nodistro",), ("main",)),
        Source("http://cloud.example/sdk", ("cloud-sdk-bookworm",), ("main",)),
        Source("http://boxes.example/os", ("bookworm",), ("stable",)),
        Source("http://corp.example/os", ("bookworm",), ("main",), "/etc/apt/keyrings/corp.gpg"),
        Source("http://corp.example/os", ("bookworm",), ("main",), "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
    ]
    assert for_release(sources, "bookworm", "trixie") == []


def test_how_the_archive_is_reached_is_taken_over_and_nothing_else() -> None:
    dump = (
        'Acquire "";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::https::Verify-Peer "";\n'
        'Acquire::Languages:: "none";\n'
    )
    assert options(dump) == [
        'Acquire::http::Proxy "http://proxy.example:3128"',
        'Acquire::Check-Valid-Until "false"',
    ]
