"""Reports of deliveries and complaints: for machines (RFC 3464, RFC 5965) and in plain words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.mail import plainbounce
from smtpintake.mail.message import Origin
from smtpintake.mail.parse import read
from smtpintake.mail.report import MAX_IDS, MAX_RECIPIENTS, Action, Report, Reported
from tests.mail.letters import mail, multipart
from tests.mail.reports import BOB, DAEMON, HEADERS, MESSAGE_ID, ORIGINAL, PER_MAIL, PLAIN, plain, report
from tests.mail.test_hostile import FRAGMENTS


def reported(raw: bytes) -> Report:
    message = read(raw)
    assert message.origin is Origin.BOUNCE
    assert message.report is not None
    return message.report


def the_one(raw: bytes) -> Reported:
    (one,) = reported(raw).recipients
    return one


def test_a_delivery_status_notification() -> None:
    found = reported(report(PER_MAIL, BOB))
    assert found.message_ids == (MESSAGE_ID,)
    assert (found.envelope_id, found.reporter) == ("QQ314159", "mx.example.com")
    assert found.recipients == (
        Reported(
            ("bob@example.com",), Action.FAILED, "5.1.1", "550 5.1.1 <bob@example.com>: Recipient address rejected"
        ),
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Action: failed", "failed"),
        ("Action: FAILED (it did)\nStatus: 5.0.0", "failed"),
        ("Action: Delayed\nStatus: 4.4.1", "delayed"),
        ("Action: delivered\nStatus: 2.0.0", "delivered"),
        ("Action: relayed", "relayed"),
        ("Action: expanded", "expanded"),
        ("Action: error\nStatus: 5.1.1", "failed"),
        ("Status: 4.2.2", "delayed"),
        ("Action: complained", "noted"),
        ("X-A: b", "noted"),
    ],
)
def test_actions(given: str, expected: str) -> None:
    assert the_one(report(PER_MAIL, f"Final-Recipient: rfc822; bob@example.com\n{given}")).action == expected


@pytest.mark.parametrize(
    ("status", "diagnostic", "expected"),
    [
        ("5.1.1", "550 5.7.1 no", "5.1.1"),
        ("5.1.1 (no such user)", "", "5.1.1"),
        ("5.0.0", "smtp; 550-5.1.1 no such user", "5.1.1"),
        ("5.0.0", "smtp; 450 4.2.2 full", "5.0.0"),
        ("", "smtp; 550 host mx[192.0.2.25] said no", "5.0.0"),
        ("", "smtp; 5.7.1.25 is listed", ""),
        ("five", "no", ""),
        ("5.9.1", "", ""),
    ],
)
def test_statuses(status: str, diagnostic: str, expected: str) -> None:
    group = f"Final-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: {status}\nDiagnostic-Code: {diagnostic}"
    assert the_one(report(PER_MAIL, group)).status == expected


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        ("Final-Recipient: RFC822;<Bob@Example.COM>", ("bob@example.com",)),
        ("Final-Recipient: bob@example.com", ("bob@example.com",)),
        (
            "Original-Recipient: rfc822;bob@example.com\nFinal-Recipient: rfc822;b@x.example",
            ("b@x.example", "bob@example.com"),
        ),
        ("Original-Recipient: rfc822;bob+2Bx@example.com", ("bob+2bx@example.com", "bob+x@example.com")),
        ("Final-Recipient: utf-8; b\\x{F6}b@example.com", ("böb@example.com",)),
        ("Final-Recipient: utf-8; böb@bücher.example", ("böb@xn--bcher-kva.example",)),
    ],
)
def test_recipients(fields: str, addresses: tuple[str, ...]) -> None:
    assert set(the_one(report(PER_MAIL, f"{fields}\nAction: failed")).addresses) >= set(addresses)


def test_each_recipient_has_a_group_however_they_are_divided() -> None:
    other = "Final-Recipient: rfc822; ana@example.com\nAction: delayed\nStatus: 4.4.1"
    found = reported(report(PER_MAIL, BOB + "\n \n", other, "Final-Recipient: x400; c=us\nAction: failed"))
    assert [(one.addresses, one.action) for one in found.recipients] == [
        (("bob@example.com",), "failed"),
        (("ana@example.com",), "delayed"),
    ]


def test_a_server_that_forgets_the_empty_line() -> None:
    assert the_one(report(f"{PER_MAIL}\n{BOB}")).status == "5.1.1"


@pytest.mark.parametrize(
    "original",
    [
        f"Content-Type: text/rfc822-headers\n\n{HEADERS}",
        f"Content-Type: message/global\n\n{ORIGINAL}",
        f"Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n{ORIGINAL}",
    ],
)
def test_the_original_comes_back_in_several_forms(original: str) -> None:
    assert reported(report(PER_MAIL, BOB, original=original)).message_ids == (MESSAGE_ID,)


def test_a_report_without_the_original_says_what_it_answers() -> None:
    raw = report(PER_MAIL, BOB, original="Content-Type: text/plain\n\nno")
    raw = raw.replace(b"\r\n\r\n", f"\r\nReferences: <a@b.example> <{MESSAGE_ID}>\r\n\r\n".encode(), 1)
    assert reported(raw).message_ids == (MESSAGE_ID, "a@b.example")


def test_a_report_in_the_wrong_wrapper() -> None:
    inner = [
        f"Content-Type: message/delivery-status\n\n{PER_MAIL}\n\n{BOB}",
        f"Content-Type: message/rfc822\n\n{ORIGINAL}",
    ]
    raw = multipart(*inner).replace(b"Ana <ana@example.com>", DAEMON.encode())
    assert (the_one(raw).status, reported(raw).message_ids) == ("5.1.1", (MESSAGE_ID,))


@pytest.mark.parametrize(("raw", "status"), PLAIN.values(), ids=PLAIN)
def test_plain_words(raw: bytes, status: str) -> None:
    found = reported(raw)
    assert found.message_ids == (MESSAGE_ID,)
    (bob,) = [one for one in found.recipients if one.addresses == ("bob@example.com",)]
    assert (bob.action, bob.status) == (Action.FAILED, status)


@pytest.mark.parametrize(
    "text",
    [
        "A message that you sent has not yet been delivered to one or more of its\nrecipients after 24 hours\n",
        "    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n",
    ],
)
def test_a_warning_is_no_failure(text: str) -> None:
    assert the_one(plain(f"{text}\n  bob@example.com\n    450 4.2.2 full\n")).action is Action.DELAYED


def test_what_the_original_says_is_not_the_report() -> None:
    raw = plain(
        "<bob@example.com>: no\n\n--- Below this line is a copy of the message.\n\n<ana@example.com>: 550 5.1.1\n"
    )
    assert the_one(raw).addresses == ("bob@example.com",)


FEEDBACK = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\nOriginal-Rcpt-To: <bob@example.com>"


def complaint(fields: str) -> Report:
    return reported(report(fields, media_type="message/feedback-report", kind="feedback-report"))


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("abuse", Action.COMPLAINED),
        ("Fraud", Action.COMPLAINED),
        ("opt-out", Action.COMPLAINED),
        ("not-spam", Action.NOTED),
        ("auth-failure", Action.NOTED),
    ],
)
def test_a_complaint(kind: str, action: Action) -> None:
    found = complaint(FEEDBACK.replace("abuse", kind))
    assert found.message_ids == (MESSAGE_ID,)
    assert found.recipients == (Reported(("bob@example.com",), action, "", kind.lower()),)


def test_a_complaint_that_hides_its_author_is_of_whom_the_original_was_sent_to() -> None:
    found = complaint("Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: redacted")
    assert found.recipients[0].addresses == ("bob@example.com",)


def test_what_is_no_report_has_none() -> None:
    assert read(mail()).report is None
    attached = f"Content-Type: message/delivery-status\n\n{PER_MAIL}\n\n{BOB}"
    assert read(multipart("Content-Type: text/plain\n\nSee there.", attached)).report is None


def test_no_more_is_kept_than_the_bounds_say() -> None:
    many = [
        f"Final-Recipient: rfc822; b{n}@example.com\nAction: failed\nDiagnostic-Code: smtp; {'x ' * 900}"
        for n in range(500)
    ]
    found = reported(report(PER_MAIL, *many))
    assert 10 < len(found.recipients) <= MAX_RECIPIENTS
    assert max(len(one.diagnostic) for one in found.recipients) <= 500
    lines = "".join(f"<b{n}@example.com>: no\nMessage-ID: <{n}@b.example>\n" for n in range(5000))
    found = reported(plain(lines))
    assert (len(found.recipients), len(found.message_ids)) == (MAX_RECIPIENTS, MAX_IDS)


HOSTILE = {
    "empty groups": report(PER_MAIL, *["\n \n\t\n"] * 5000, BOB),
    "white space": report(PER_MAIL + "\n" + " " * 60_000, BOB),
    "one line": report("Final-Recipient: rfc822; " + "a@" * 30_000),
    "statuses": report(f"{BOB}\nStatus: {'5.1.' * 15_000}"),
    "lines of nothing": plain("\n" * 200_000),
    "addresses in lines": plain(("a@b.example " * 80 + "\n") * 200),
    "at signs": plain(("@" * 900 + "\n") * 200),
    "atoms": plain(("a" * 999 + "\n") * 250),
    "brackets": plain((">" * 999 + "\n") * 250),
    "dashes": plain(("-" * 999 + "\n") * 250),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_reports_are_read(raw: bytes) -> None:
    assert reported(raw) is not None


WORDS = st.sampled_from(
    ["bob@example.com", "<", ">", ":", ";", "5.1.1", "550", "---", "original", "Message-ID:", "é", "rfc822;", "+2B"]
) | st.sampled_from(
    ["Final-Recipient:", "Action: failed", "Status:", "Feedback-Type: abuse", "\\x{110000}", "\\x{D800}", "\n", "\r"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS | st.text(max_size=5), max_size=40).map("".join))
def test_any_words_are_read(text: str) -> None:
    for one in plainbounce.recipients(text):
        one.diagnostic.encode()
    octets = text.replace("\0", "").encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"\r\n").decode()
    for raw in (plain(octets), report(octets), report(octets, media_type="message/feedback-report")):
        found = read(raw).report
        assert found is not None
        for one in found.recipients:
            "".join((*one.addresses, one.status, one.diagnostic)).encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=25))
def test_any_octets_after_a_daemon_are_read(parts: list[bytes]) -> None:
    read(f"From: {DAEMON}\r\n".encode() + b"".join(parts))
