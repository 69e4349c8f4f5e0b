"""What the command line loads before it knows what is wanted."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "textual",
    "rich",
    "docker",
    "grpc",
    "asyncssh",
    "cryptography",
    "dbus_fast",
    "requests",
    "yaml",
}


def loaded_by(code: str) -> set[str]:
    """Top-level modules in a fresh interpreter after `code`."""
    show = "import sys; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import console.cli",
        "import console.cli.main",
        "import console.cli.run, console.cli.registry; console.cli.registry.all_commands()",
        "from console.cli.main import main; main(['--help'])",
        "from console.cli.main import main; main(['unit', 'list', '--help'])",
        "from console.cli.main import main; main(['--config', '/nonexistent', 'unit', 'list'])",
    ],
)
def test_the_command_line_loads_nothing_heavy_until_a_command_needs_it(code: str) -> None:
    assert loaded_by(code).isdisjoint(HEAVY)
