"""What an output must not tell."""

from __future__ import annotations

import pytest

from trainer.evidence.redaction import redacted, secrets_of

ENVIRON = {"OPENAI_API_KEY": "swordfish-and-more", "HOME": "/home/ada-lovelace", "MY_PASSWORD": "short"}


def test_values_of_secret_variables_by_their_names() -> None:
    assert secrets_of(ENVIRON) == {"OPENAI_API_KEY": "swordfish-and-more", "MY_PASSWORD": "short"}
    assert (
        redacted(b"at /home/ada-lovelace: swordfish-and-more", ENVIRON)
        == "at /home/ada-lovelace: [OPENAI_API_KEY hidden]"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sk-" + "a" * 20, "[hidden]"),
        ("ghp_" + "a" * 36, "[hidden]"),
        ("AKIA" + "A" * 16, "[hidden]"),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer [hidden]"),
        ("https://ada:hunter2@host/x", "https://[hidden]@host/x"),
        ("password = 'hunter22'", "password = '[hidden]'"),
        ('{"api_key": "hunter22"}', '{"api_key": "[hidden]"}'),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest", "[hidden]\nrest"),
        ("assert tokens == 12", "assert tokens == 12"),
        ("key-value", "key-value"),
        ("https://host:8080/path", "https://host:8080/path"),
    ],
)  # fmt: skip
def test_texts_that_look_like_a_key(text: str, shown: str) -> None:
    assert redacted(text.encode(), {}) == shown


def test_what_a_terminal_obeys_is_taken_out() -> None:
    assert redacted(b"\x1b[31mred\x1b[0m\r\nnext\tone", {}) == "\ufffd[31mred\ufffd[0m\nnext\tone"
