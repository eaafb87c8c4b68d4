"""Keys that nobody else can make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.compose.replyaddress import is_marked, loop_mark, message_id, reply_address, reply_key
from smtpintake.decide.routing import Route, route
from smtpintake.mail.address import Mailbox
from tests import make
from tests.compose.letters import SECRET

OTHER = b"another secret, as long as the one"


def test_a_key_belongs_to_one_issue_one_address_and_one_secret() -> None:
    key = reply_key(SECRET, "SUP-1", "cara@customer.example")
    others = {
        reply_key(SECRET, "SUP-2", "cara@customer.example"),
        reply_key(SECRET, "SUP-1", "carl@customer.example"),
        reply_key(OTHER, "SUP-1", "cara@customer.example"),
        reply_key(SECRET, "SUP-1cara", "@customer.example"),
    }
    assert key == reply_key(SECRET, "SUP-1", "cara@customer.example")
    assert len(others | {key}) == 5


@given(st.integers(1, 10**9), st.from_regex(r"[a-z0-9.]{1,20}@[a-z]{1,20}\.example", fullmatch=True))
def test_a_keyed_address_is_routed_back_with_its_key_even_in_upper_case(number: int, address: str) -> None:
    key = reply_key(SECRET, f"SUP-{number}", address)
    keyed = reply_address("support@example.org", key)
    assert keyed is not None
    for written in (keyed, keyed.upper()):
        found = route(make.policy(), Mailbox.parse(written))
        assert isinstance(found, Route)
        assert (found.inbox, found.reply_key) == ("support", key)


@pytest.mark.parametrize(
    ("inbox", "keyed"),
    [
        ("support@example.org", "support+abcdefghijklmnop@example.org"),
        ("a" * 47 + "@example.org", "a" * 47 + "+abcdefghijklmnop@example.org"),
        ("a" * 48 + "@example.org", None),
        ("ü" * 24 + "@example.org", None),
        ('"my support"@example.org', None),
        ("@example.org", None),
    ],
)
def test_a_keyed_address_keeps_to_the_length_of_a_local_part(inbox: str, keyed: str | None) -> None:
    assert reply_address(inbox, "abcdefghijklmnop") == keyed


def test_a_message_id_is_stable_and_tells_mails_apart() -> None:
    first = message_id(SECRET, "SUP-1", "autoreply", "n1", "example.org")
    assert first == message_id(SECRET, "SUP-1", "autoreply", "n1", "example.org")
    assert first.startswith("SUP-1.autoreply.n1.")
    assert first.endswith("@example.org")
    assert first != message_id(OTHER, "SUP-1", "autoreply", "n1", "example.org")
    assert first != message_id(SECRET, "SUP-1", "autoreply", "n2", "example.org")


def test_only_our_own_mark_is_ours() -> None:
    mark = loop_mark(SECRET)
    assert is_marked((SECRET,), ("something", f" {mark.upper()} "))
    assert not is_marked((SECRET,), (loop_mark(OTHER), "", "\udc80", mark[:-1]))
    assert not is_marked((SECRET,), ())


def test_a_mark_of_a_former_secret_is_ours_as_well() -> None:
    assert is_marked((OTHER, SECRET), (loop_mark(SECRET),))


def test_a_short_secret_is_a_bug() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        reply_key(b"short", "SUP-1", "cara@customer.example")
