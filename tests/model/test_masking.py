"""What is hidden of environments and command lines that are shown."""

from __future__ import annotations

import pytest

from console.model.masking import HIDDEN, masked, masked_pair, masked_words


@pytest.mark.parametrize(
    "name",
    [
        "PASSWORD", "DB_PASSWORD", "PGPASSWORD", "MYSQL_ROOT_PASSWORD", "API_KEY", "apiKey_token", "SECRET",
        "aws_secret_access_key", "GITHUB_TOKEN", "AUTH", "REDIS_PASS", "DB_PWD", "SENTRY_DSN", "key",
        "traefik.http.middlewares.a.basicauth.users",
    ],
)  # fmt: skip
def test_a_value_whose_name_says_secret_is_hidden(name: str) -> None:
    assert masked(name, "hunter2") == HIDDEN


@pytest.mark.parametrize(
    "name",
    ["PATH", "PWD", "OLDPWD", "BYPASS_CACHE", "COMPASS", "AUTHOR", "KEYBOARD", "MONKEY", "DB_PASSWORD_FILE",
     "KEY_ID", "APP_MODE"],
)  # fmt: skip
def test_a_value_whose_name_only_looks_like_it_is_shown(name: str) -> None:
    assert masked(name, "value") == "value"


def test_the_password_of_an_address_is_hidden_and_the_rest_of_it_is_not() -> None:
    assert (
        masked("DATABASE", "postgres://shop:hunter2@db:5432/shop") == f"postgres://shop:{HIDDEN}@db:5432/shop"
    )
    assert masked("URL", "http://db:5432/a@b") == "http://db:5432/a@b"


def test_a_pair_without_a_value_stays_as_it_is() -> None:
    assert masked_pair("PASSWORD") == "PASSWORD"
    assert masked_pair("PASSWORD=a=b") == f"PASSWORD={HIDDEN}"


def test_an_option_and_the_word_after_it_are_one() -> None:
    words = ["serve", "--token", "abc", "--verbose", "--db-password=abc", "--key-file", "/run/key"]
    assert masked_words(words) == [
        "serve", "--token", HIDDEN, "--verbose", f"--db-password={HIDDEN}", "--key-file", "/run/key",
    ]  # fmt: skip
