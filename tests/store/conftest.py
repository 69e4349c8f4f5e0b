"""What tests of the embedded etcd share."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.embedding import etcds


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where an embedded etcd may live. After the test none does: that is part of every test.

    Its path is short, unlike pytest's own, so that other programs can name the socket in it.
    """
    root = Path(tempfile.mkdtemp(prefix="qd-test-"))
    try:
        yield root / "etcd"
        left = etcds(root / "etcd")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "an etcd is left running"
    finally:
        shutil.rmtree(root)
