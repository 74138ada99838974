"""Rules, in code and in TOML: what they allow, and what is no rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mainproc.patterns import expression
from mainproc.security.files import InvalidFile
from mainproc.security.identity import KINDS, Identity
from mainproc.security.policy import Policy
from mainproc.security.rules import ACTIONS, Action, Rule

KIOSK = Identity("token", "kiosk")


# ---- patterns ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "names", "others"),
    [
        ("a", ["a"], ["", "A", "aa", "a\n"]),
        ("*", ["", "a", "two\nlines", "*"], []),
        ("a*", ["a", "ab", "a/b\n"], ["ba", ""]),
        ("*a", ["a", "ba", "aa"], ["ab"]),
        ("a*b*c", ["abc", "aXbYbc", "abbcc", "abcbc"], ["ac", "abcd", "acb"]),
        ("**", ["", "a"], []),
        ("a.[b]?", ["a.[b]?"], ["axb", "a.bx"]),
    ],
)
def test_a_star_is_any_run_and_all_else_itself(
    pattern: str, names: list[str], others: list[str]
) -> None:
    assert [n for n in [*names, *others] if expression(pattern).fullmatch(n)] == names


def test_a_channel_that_is_made_to_take_long() -> None:
    assert not expression("*a*a*a*a*a*a*a*b").fullmatch("a" * 200_000)


PIECES = st.text(st.sampled_from("ab*\n."), max_size=8)


@given(PIECES, st.text(st.sampled_from("ab\n."), max_size=8))
def test_patterns_match_as_the_naive_way_does(pattern: str, name: str) -> None:
    def matches(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            rest = pattern[1:]
            return any(matches(rest, name[n:]) for n in range(len(name) + 1))
        return name[:1] == pattern[0] and matches(pattern[1:], name[1:])

    assert (expression(pattern).fullmatch(name) is not None) == matches(pattern, name)


# ---- rules ---------------------------------------------------------------------------


def test_what_no_rule_allows_is_refused() -> None:
    policy = Policy([Rule("token:kiosk", send=["log.*", "ping"]), Rule("*", sync="x")])
    assert policy.allows(KIOSK, "send", "log.error")
    assert policy.allows("token:kiosk", "send", "ping")
    assert not policy.allows(KIOSK, "send", "pings")
    assert not policy.allows(KIOSK, "invoke", "ping")
    assert not policy.allows(Identity("certificate", "kiosk"), "send", "ping")
    assert not policy.allows(None, "send", "ping")
    assert policy.allows(None, "sync", "x")
    assert not any(Policy([]).allows(KIOSK, a, "x") for a in ACTIONS)


def test_who_was_not_asked_is_anonymous() -> None:
    policy = Policy([Rule("anonymous", send="x")])
    assert policy.allows(None, "send", "x")
    assert not policy.allows(Identity("hook", "anonymous"), "send", "x")


def test_the_reason_is_the_first_rule_that_allows_it() -> None:
    first, second = Rule("token:*", send=["a", "b*"]), Rule("*", send="*")
    policy = Policy([first, second])
    assert policy.reason(KIOSK, "send", "bc") == (first, "b*")
    assert policy.reason(KIOSK, "send", "c") == (second, "*")
    assert policy.reason(KIOSK, "invoke", "c") is None


def test_there_is_no_such_action() -> None:
    with pytest.raises(ValueError, match="there is no action 'read'; there is 'send'"):
        Policy([]).allows(KIOSK, "read", "x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"identity": ()}, "identity is empty: the rule is for nobody"),
        ({"identity": ""}, "identity has an empty pattern"),
        ({"identity": "*", "send": ["a", ""]}, "send has an empty pattern"),
        ({"identity": "*", "sync": 5}, "sync is a pattern or a list of them; given w"),
        ({"identity": "*", "invoke": [b"x"]}, "invoke: a pattern is a str; given was:"),
    ],
    ids=["nobody", "empty identity", "empty channel", "number", "bytes"],
)
def test_what_is_no_rule(fields: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Rule(**fields)


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        (
            "kiosk",
            "write KIND:NAME, as 'token:kiosk', or 'anonymous'; KIND is 'token',",
        ),
        ("kiosk*", "write KIND:NAME, as 'token:kiosk*', or 'anonymous'; KIND is"),
        ("token", "write 'token:NAME', or 'token:*' for each"),
        ("anonymus", "did you mean 'anonymous'?"),
        ("anonymous:*", "did you mean 'anonymous'?"),
        ("tokn:kiosk", "there is no kind 'tokn'; did you mean 'token'?"),
        ("Token:kiosk", "there is no kind 'Token'; did you mean 'token'?"),
        (
            "ldap:ann",
            "there is no kind 'ldap'; there is 'token', 'certificate', 'hook'",
        ),
        (":kiosk", "there is no kind ''; there is 'token', 'certificate', 'hook'"),
        ("tokn*:kiosk", "there is no kind 'tokn*'; did you mean 'token'?"),
        ("a*:kiosk", "there is no kind 'a*'; there is 'token', 'certificate', 'hook'"),
        ("tokn*", "there is no kind 'tokn*'; did you mean 'token'?"),
    ],
)
def test_a_rule_for_nobody(pattern: str, hint: str) -> None:
    with pytest.raises(ValueError, match="is nobody") as caught:
        Rule(["*", pattern], send="x")
    assert str(caught.value).startswith(f"identity '{pattern}' is nobody: {hint}")


OF_KINDS = ["*", "**", "*kiosk", "*:kiosk", "t*", "token*", "c*:x", "token:", "token:*"]
OF_ONE = ["anonymous", "anonymous*", "an*", "spawned:worker*", "hook:a:b"]


@pytest.mark.parametrize("pattern", [*OF_KINDS, *OF_ONE])
def test_a_rule_for_somebody(pattern: str) -> None:
    known = [Identity(kind, name) for kind in KINDS for name in ("kiosk", "x", "")]
    told = ["anonymous", "hook:a:b", "spawned:worker 1"]
    rule = Rule(pattern)
    assert any(rule.is_for(who) for who in (*map(str, known), *told))


def test_an_identity_of_a_kind_that_no_rule_can_name() -> None:
    with pytest.raises(ValueError, match="no kind 'ldap'; a hook's are of kind 'hook'"):
        Identity("ldap", "ann")  # type: ignore[arg-type]


# ---- looking up ----------------------------------------------------------------------


def test_permissions_say_what_the_policy_does() -> None:
    policy = Policy([Rule("token:kiosk", send="a*", handle="b")])
    permissions = policy.permissions(KIOSK)
    assert permissions is policy.permissions(Identity("token", "kiosk"))
    for action in ACTIONS:
        for channel in ("a", "ab", "b", "c"):
            allowed = getattr(permissions, action)[channel]
            assert allowed == policy.allows(KIOSK, action, channel)
            assert getattr(permissions, action).get(channel) is allowed


def test_what_peers_choose_does_not_pile_up() -> None:
    policy = Policy([Rule("*", send="a*")])
    permissions = policy.permissions(KIOSK)
    for number in range(3_000):
        assert permissions.send[f"a{number}"]
        assert not permissions.send[f"b{number}"]
        policy.permissions(Identity("hook", str(number)))
    assert len(permissions.send) == 1_000
    assert permissions.invoke["x" * 201] is permissions.invoke["y" * 200] is False
    assert list(permissions.invoke) == ["y" * 200]
    another = Identity("hook", "2999")
    assert policy.permissions(another) is not policy.permissions(another)


# ---- TOML ----------------------------------------------------------------------------

POLICY = """\
# of a kiosk
[[rule]]
identity = ["token:kiosk",
            "certificate:*"]
send = "log.*"
sync = [
    "a",  # comment
    "b",
]

[[rule]]
identity = "*"
"receive" = ['''
[[rule]]
''', "x"]
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "policy.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, POLICY)
    policy = Policy.load(path)
    assert policy.rules == (
        Rule(["token:kiosk", "certificate:*"], send="log.*", sync=["a", "b"]),
        Rule("*", receive=["[[rule]]\n", "x"]),
    )
    assert policy.rules[0].place("send") == f"{path}, line 5"
    assert policy.rules[0].place("sync") == f"{path}, line 6"
    assert policy.rules[1].place("receive") == f"{path}, line 13"


def test_an_empty_file_refuses_everything(tmp_path: Path) -> None:
    assert Policy.load(written(tmp_path, "")).rules == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = b", "Invalid value (at line 1, column 5)"),
        (b"\xff", "it is not UTF-8"),
        ("rules = 1", "line 1: there is no key 'rules'; did you mean 'rule'?"),
        ("\n\nother = 1", "line 3: there is no key 'other'; there is ('rule',)"),
        ("[rule]\nsend = 'x'", "line 1: rules are tables: [[rule]]"),
        ("rule = 5", "line 1: rules are tables: [[rule]]"),
        ("rule = [5]", "line 1: rules are tables: [[rule]]"),
        (f"{POLICY}sendd = 'x'", "line 16: there is no key 'sendd'; did you mean 'se"),
        (f"{POLICY}\nsend = 5", "line 17: send is a pattern or a list of them"),
        (f"{POLICY}send = ['a',\n '']", "line 16: send has an empty pattern"),
        (f"{POLICY}send = [7]", "line 16: send: a pattern is a str; given was: int"),
        (f"{POLICY}\n[[rule]]\nsend = 'x'", "line 17: the rule has no identity"),
        ("[[rule]]\nidentity = []", "line 2: identity is empty"),
        ("[[rule]]\nidentity = 'kiosk'", "line 2: identity 'kiosk' is nobody: write K"),
        (
            f"{POLICY}[[rule]]\nidentity = ['*',\n'tokn:a']",
            "line 17: identity 'tokn:a'",
        ),
        ("[[rule]]\nidentity = '*'\n[rule.send]\na = 1", "line 3: send is a pattern"),
        ("rule = [{identity = '*'}, {identity = '*', send = ''}]", "line 1: send has"),
    ],
)
def test_what_is_no_policy(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidFile) as caught:
        Policy.load(path)
    assert str(caught.value).startswith(f"the policy {path}")
    assert words in str(caught.value)


def test_tables_in_one_another(tmp_path: Path) -> None:
    path = written(tmp_path, f"rule = {'[' * 5000}{']' * 5000}")
    with pytest.raises(InvalidFile):
        Policy.load(path)


NAMES = st.text(st.sampled_from("ab*:.é\n'\"\\"), min_size=1, max_size=5)
PATTERNS = st.one_of(NAMES, st.lists(NAMES, max_size=3))
SOMEBODY = st.one_of(
    st.sampled_from(["anonymous", "*", "*:a"]),
    st.builds("{}:{}".format, st.sampled_from([*KINDS, "*", "t*"]), NAMES),
)
RULES = st.lists(
    st.fixed_dictionaries(
        {"identity": st.one_of(SOMEBODY, st.lists(SOMEBODY, min_size=1, max_size=3))},
        optional=dict.fromkeys(ACTIONS, PATTERNS),
    ),
    max_size=4,
)


def as_toml(rules: list[dict[str, Any]]) -> str:
    lines = []
    for rule in rules:
        lines.append("[[rule]]")
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in rule.items())
    return "\n".join(lines)


@given(
    RULES, st.lists(st.tuples(SOMEBODY, st.sampled_from(ACTIONS), NAMES), max_size=8)
)
def test_a_policy_in_code_and_in_toml_agree(
    tmp_path_factory: pytest.TempPathFactory,
    rules: list[dict[str, Any]],
    asked: list[tuple[str, Action, str]],
) -> None:
    path = written(tmp_path_factory.mktemp("toml"), as_toml(rules))
    in_code, in_toml = Policy([Rule(**rule) for rule in rules]), Policy.load(path)
    assert in_code.rules == in_toml.rules
    for who, action, channel in asked:
        allowed = in_code.allows(who, action, channel)
        assert in_toml.allows(who, action, channel) == allowed
        assert allowed == any(
            rule.is_for(who) and rule.allows(action, channel) for rule in in_code.rules
        )
