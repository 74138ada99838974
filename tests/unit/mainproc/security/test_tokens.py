"""The file of tokens, and finding whose one is."""

from __future__ import annotations

import hmac
from pathlib import Path
from types import SimpleNamespace

import pytest

from mainproc.security.files import InvalidFile
from mainproc.security.identity import Credentials, Identity
from mainproc.security.tokens import Tokens, first_token

ONE, TWO = "one-0123456789abcdef", "two-0123456789abcdef"


def written(folder: Path, data: bytes | str, mode: int = 0o600) -> Path:
    path = folder / "tokens"
    path.touch(mode=mode)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    path.chmod(mode)
    return path


def test_names_and_tokens(tmp_path: Path) -> None:
    text = f"# comment\n\n  left\t{ONE}  \r\nleft {TWO}\nalone-0123456789ab\n"
    path = written(tmp_path, text)
    tokens = Tokens.load(path)
    assert tokens.find(ONE) == tokens.find(TWO) == Identity("token", "left")
    assert tokens.find("alone-0123456789ab") == Identity("token", "default")
    for wrong in (None, "", "left", ONE[:-1], ONE + " ", f"left {ONE}", "\udcff", "é"):
        assert tokens.find(wrong) is None
    assert first_token(path) == ONE
    assert ONE not in repr(tokens)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "has no token; make one: python -c"),
        ("# nothing\n\n", "has no token"),
        ("short", "line 1: a token of less than 16 characters can be guessed"),
        (
            f"{'0123456789' * 2}\nleft 123456789012345",
            "line 2: a token of less than 16",
        ),
        (f"a b {ONE}", "line 1: a line is TOKEN or NAME TOKEN"),
        (f"{ONE}\nleft {ONE}", "line 2: the token is that of another name, too"),
        (f"left {ONE}é", "line 1: a token is printable ASCII"),
        (f"left {ONE}\x7f", "line 1: a token is printable ASCII"),
    ],
)
def test_what_is_no_token_file(tmp_path: Path, data: str, words: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(InvalidFile) as caught:
        Tokens.load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert ONE not in str(caught.value)


def test_the_shortest_token(tmp_path: Path) -> None:
    assert Tokens.load(written(tmp_path, "1234567890123456")).find("1234567890123456")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_nobody_else_may_read_it(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path, ONE, mode)
    with pytest.raises(InvalidFile, match=f"may be read by others: chmod 600 {path}"):
        Tokens.load(path)


def test_a_file_that_never_ends() -> None:
    with pytest.raises(InvalidFile, match="is larger than 1,048,576 bytes"):
        Tokens.load("/dev/zero")


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic x", None),
        ("Bearer x", "x"),
        ("bearer  x ", "x"),
    ],
)
def test_the_token_in_an_authorization(
    authorization: str | None, token: str | None
) -> None:
    assert Credentials("unix:", authorization).token == token


def test_credentials_show_no_secret() -> None:
    assert ONE not in repr(Credentials("unix:", f"Bearer {ONE}"))


def test_an_identity_reads_as_kind_and_name() -> None:
    assert str(Identity("token", "left")) == "token:left"


def test_how_long_a_token_is_looked_for_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, shown: bytes) -> bool:
        compared.append(known)
        return hmac.compare_digest(known, shown)

    monkeypatch.setattr(
        "mainproc.security.tokens.hmac", SimpleNamespace(compare_digest=compare)
    )
    known = [f"a token of many letters, {n}" for n in range(3)]
    tokens = Tokens(dict.fromkeys(known, "left"))
    for shown, found in ((known[0], True), (known[2], True), ("other", False)):
        assert (tokens.find(shown) is not None) is found
        assert compared == [token.encode() for token in known]
        compared.clear()
