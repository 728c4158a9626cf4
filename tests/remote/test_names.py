"""Names that reach a shell, an argument list or a folder."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.errors import UsageError
from remote.names import check_host_name, check_name, check_user_name, fold, hashed_slug, slug, unique_slugs


@pytest.mark.parametrize("name", ["203.0.113.7", "lab", "gpu-1.example.org", "fe80::1%eth0", "::1", "x_y"])
def test_ordinary_hosts_pass(name: str) -> None:
    check_host_name(name, "lab")


# The character sets of ssh.c (valid_hostname, valid_ruser), each of which reaches a shell through ProxyCommand.
@pytest.mark.parametrize("char", list("'`\"$\\;&<>|(){}, \t\n\0\x1b\x7f\u202e\x9b"))
@pytest.mark.parametrize("check", [check_host_name, check_user_name])
def test_what_openssh_refuses_is_refused(check: object, char: str) -> None:
    for name in (f"a{char}b", f"{char}b", f"a{char}"):
        with pytest.raises(UsageError, match="contains"):
            check(name, "lab")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["-oProxyCommand=touch /tmp/x", "-l", ""])
@pytest.mark.parametrize("check", [check_host_name, check_user_name])
def test_options_and_nothing_are_no_names(check: object, name: str) -> None:
    with pytest.raises(UsageError, match=r"starts with '-'|is empty"):
        check(name, "lab")  # type: ignore[operator]


@pytest.mark.parametrize("name", ["keypoint-a", "a", "Run_2.1", "été", "9lives", "a+b", "日本"])
def test_ordinary_worker_names_pass(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../x", "slash"),
        ("..", "starts with"),
        (".hidden", "starts with"),
        ("a b", "space"),
        (" a", "space"),
        ("-a", "starts with '-'"),
        ("", "empty"),
        ("a\nb", "space"),
        ("a\x1b[2Jb", r"control character U\+001B"),
        ("a\u202eb", r"U\+202E"),
        ("a/b", "slash"),
        ("a\\b", "slash"),
        ("a:b", "contains ':'"),
        ("a*", "contains"),
        ("x" * 65, "longer than 64"),
    ],
)
def test_bad_worker_names_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        check_name(name)
    assert str(caught.value).isprintable()


@given(st.text(min_size=1))
def test_a_folder_name_is_one_safe_component(name: str) -> None:
    for folder in (slug(name), hashed_slug(name)):
        assert folder.isascii() and folder.isprintable() and folder == folder.lower()
        assert not set(folder) & set("/\\ :*?\"'<>|$&;") and not folder.startswith((".", "-"))
        assert len(folder) <= 48


def test_names_keep_their_folder_if_it_is_safe_as_it_is() -> None:
    assert slug("keypoint-a") == "keypoint-a"
    assert slug("Keypoint A") != slug("keypoint-a")
    assert slug("Foo") != slug("foo")


@pytest.mark.parametrize(
    "pair", [("Foo", "foo"), ("été", unicodedata.normalize("NFD", "été")), ("ﬁt", "fit"), ("straße", "STRASSE")]
)
def test_names_that_a_file_system_may_confuse_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="would share a folder"):
        unique_slugs(list(pair))


@given(st.lists(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6), unique_by=fold, max_size=8))
def test_slugs_are_unique(names: list[str]) -> None:
    try:
        slugs = unique_slugs(names)
    except UsageError:
        return
    assert len({folder.casefold() for folder in slugs.values()}) == len(names)
