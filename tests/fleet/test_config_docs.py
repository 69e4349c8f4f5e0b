"""The user's page on configuration says what the code does."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from console.fleet.config import TABLES, load_config

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_example_is_a_right_fleet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = re.search(r"## An example\n\n((?:    .*\n|\n)+)", PAGE.read_text(encoding="utf-8"))
    assert example
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("etcd/ca.pem", "etcd/password", ".ssh/id_ed25519"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "fleet.toml").write_text(textwrap.dedent(example[1]), encoding="utf-8")
    assert [host.name for host in load_config(tmp_path / "fleet.toml").hosts] == ["web1", "db1", "here"]


@pytest.mark.parametrize("name", TABLES)
def test_every_key_is_on_the_page_and_no_other(name: str) -> None:
    table = TABLES[name]
    section = PAGE.read_text(encoding="utf-8").partition(f"## `{table.title}`\n")[2].partition("\n## ")[0]
    firsts = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert {key for first in firsts for key in re.findall(r"`(\w+)`", first)} == set(table.keys)
