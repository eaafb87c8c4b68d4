"""Invitations are told in the text, and their file is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.draft import draft
from smtpintake.mail import calendar
from smtpintake.mail.parse import read
from tests.mail.letters import mail, multipart


def ics(*event: str, method: str = "REQUEST") -> str:
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", f"METHOD:{method}", ZONE, "BEGIN:VEVENT", *event)
    return "\n".join((*lines, "END:VEVENT", "END:VCALENDAR"))


ZONE = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19701025T030000\nEND:STANDARD\nEND:VTIMEZONE"
ANA = 'ORGANIZER;CN="Ruiz, Ana":mailto:ana@example.com'


@pytest.mark.parametrize(
    ("event", "method", "told"),
    [
        (
            (
                "SUMMARY:Budget\\, second\n  round",
                "DTSTART;TZID=Europe/Berlin:20261103T100000",
                "DTEND;TZID=Europe/Berlin:20261103T113000",
                "RRULE:FREQ=WEEKLY;COUNT=4",
                "LOCATION:Room 5\\nthird floor",
                ANA,
            ),
            "REQUEST",
            (
                "Invitation: Budget, second round\nWhen: 2026-11-03 10:00 to 11:30 (Europe/Berlin)\n"
                "Repeats: weekly\nWhere: Room 5 third floor\nOrganiser: Ruiz, Ana <ana@example.com>"
            ),
        ),
        (
            ("DTSTART:20261103T100000Z", "DURATION:PT90M"),
            "CANCEL",
            "Cancelled: (without a title)\nWhen: 2026-11-03 10:00 to 11:30 (UTC)",
        ),
        (
            ("SUMMARY:Fair", "DTSTART;VALUE=DATE:20261103", "DTEND;VALUE=DATE:20261106"),
            "PUBLISH",
            "Event: Fair\nWhen: 2026-11-03 to 2026-11-05",
        ),
        (("SUMMARY:Day", "DTSTART;VALUE=DATE:20261103"), "REQUEST", "Invitation: Day\nWhen: 2026-11-03"),
        (
            ("SUMMARY:Night", "DTSTART:20261103T220000", "DTEND:20261104T020000"),
            "REQUEST",
            "Invitation: Night\nWhen: 2026-11-03 22:00 to 2026-11-04 02:00",
        ),
        (
            ("SUMMARY:Plan", "ATTENDEE;PARTSTAT=DECLINED;CN=Bo:MAILTO:bo@example.com", ANA),
            "REPLY",
            "Declined: Plan\nOrganiser: Ruiz, Ana <ana@example.com>\nAttendee: Bo <bo@example.com>",
        ),
        (
            ("SUMMARY:Windows", 'DTSTART;TZID="W. Europe Standard Time":20261103T100000'),
            "REQUEST",
            "Invitation: Windows\nWhen: 2026-11-03 10:00 (W. Europe Standard Time)",
        ),
        (("SUMMARY:Odd", "DTSTART:20260231T100000"), "REQUEST", "Invitation: Odd"),
        (
            ("SUMMARY:Late", "DTSTART:99991231T100000", "DURATION:P9999D"),
            "REQUEST",
            "Invitation: Late\nWhen: 9999-12-31 10:00",
        ),
        (("SUMMARY:No method",), "", ""),
    ],
)
def test_what_is_told(event: tuple[str, ...], method: str, told: str) -> None:
    assert calendar.described(ics(*event, method=method), at_length=False) == told


def test_it_stands_below_the_text_once_and_the_file_is_kept() -> None:
    invitation = ics("SUMMARY:Plan", "DTSTART:20261103T100000Z")
    raw = multipart(
        "\nPlease come.",
        f"Content-Type: text/calendar; charset=utf-8; method=REQUEST\n\n{invitation}",
        f"Content-Type: application/ics; name=invite.ics\nContent-Disposition: attachment\n\n{invitation}",
    )
    message = read(raw)
    drawn = draft(message, ())
    assert drawn.body_text == "Please come.\n\nInvitation: Plan\nWhen: 2026-11-03 10:00 (UTC)"
    assert drawn.hidden_text == ""
    assert [attachment.name for attachment in message.attachments] == ["", "invite.ics"]


def test_what_the_text_says_is_not_told_again() -> None:
    event = "Content-Type: text/calendar\n\n" + ics("SUMMARY:The plan", "DTSTART:20261103T100000Z", "LOCATION:Room 1")
    said = draft(read(multipart("\nThe  plan\n3 Nov, 10:00\nRoom 1", event)), ())
    assert said.body_text == "The  plan\n3 Nov, 10:00\nRoom 1\n\nInvitation\nWhen: 2026-11-03 10:00 (UTC)"
    other = draft(read(multipart("\nThe plan B\nRoom 12", event)), ())
    assert other.body_text.endswith("Invitation: The plan\nWhen: 2026-11-03 10:00 (UTC)\nWhere: Room 1")


def test_an_invitation_may_be_all_that_a_mail_says() -> None:
    invitation = ics("SUMMARY:Plan", "DESCRIPTION:Bring\\, please:\\n- the keys")
    drawn = draft(read(mail("Content-Type: text/calendar", body=invitation)), ())
    assert drawn.body_text == "Invitation: Plan\n\nBring, please:\n- the keys"


def test_html_shows_it_and_runs_nothing() -> None:
    raw = multipart(
        "Content-Type: text/html\n\n<p>Hi</p>", "Content-Type: text/calendar\n\n" + ics("SUMMARY:<script>x")
    )
    drawn = draft(read(raw), ())
    assert drawn.body_html is not None
    assert "<p>Hi</p>" in drawn.body_html
    assert "Invitation: &lt;script&gt;x" in drawn.body_html


LINES = st.sampled_from(
    [*ics(ANA, "SUMMARY:a", "DTSTART:20261103T100000Z", "DTEND:2026", "DURATION:P1W", "RRULE:FREQ=").split("\n"), "\n "]
)


@given(st.lists(LINES | st.text(max_size=10)).map("\n".join))
def test_total(text: str) -> None:
    assert "\r" not in calendar.described(text, at_length=True)
