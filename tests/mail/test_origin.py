"""Human or machine."""

import pytest

from smtpintake.mail.message import Origin
from smtpintake.mail.parse import read
from tests.mail.letters import mail

REPORT = "Content-Type: multipart/report; report-type={}; boundary=b"


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ((), Origin.HUMAN),
        (("Auto-Submitted: no",), Origin.HUMAN),
        (("Auto-Submitted: auto-replied",), Origin.AUTO_REPLY),
        (("Auto-Submitted: auto-replied (vacation)",), Origin.AUTO_REPLY),
        (("Auto-Submitted: auto-generated; x=y",), Origin.AUTO_GENERATED),
        (("Auto-Submitted: auto-notified",), Origin.AUTO_GENERATED),
        (("Auto-Submitted: something-new",), Origin.AUTO_REPLY),
        (("Auto-Submitted: auto-generated", "Subject: Automatic reply: x"), Origin.AUTO_REPLY),
        (("X-Autoreply: yes",), Origin.AUTO_REPLY),
        (("Precedence: auto_reply",), Origin.AUTO_REPLY),
        (("Precedence: bulk",), Origin.AUTO_GENERATED),
        (("Precedence: junk",), Origin.AUTO_GENERATED),
        (("Precedence: list",), Origin.LIST),
        (("List-Id: <x.example>", "Precedence: bulk"), Origin.LIST),
        (("X-Auto-Response-Suppress: All",), Origin.HUMAN),
        (("X-Auto-Response-Suppress: All", "Subject: Abwesenheitsnotiz: x"), Origin.AUTO_REPLY),
        (("Subject: Out of office hours are a problem",), Origin.HUMAN),
        ((REPORT.format("delivery-status"), "Auto-Submitted: auto-replied"), Origin.BOUNCE),
        ((REPORT.format('"delivery-status"'),), Origin.BOUNCE),
        ((REPORT.format("disposition-notification"),), Origin.AUTO_REPLY),
        ((REPORT.format("feedback-report"),), Origin.BOUNCE),
        (("X-Failed-Recipients: a@b.example",), Origin.BOUNCE),
    ],
)
def test_origin(fields: tuple[str, ...], origin: Origin) -> None:
    assert read(mail(*fields)).origin is origin


def test_the_daemon_bounces() -> None:
    assert read(mail(author="Mail Delivery System <MAILER-DAEMON@mx.example.com>")).origin is Origin.BOUNCE
    assert read(mail(author="not-mailer-daemon@example.com")).origin is Origin.HUMAN
    assert read(mail(author="MAILER-DAEMON (Mail Delivery System)")).origin is Origin.BOUNCE
    assert read(mail(author="About mailer-daemon <ana@example.com>")).origin is Origin.HUMAN


@pytest.mark.parametrize("subject", ["Undeliverable: Hello", "Unzustellbar: Hallo", "Delivery Status Notification"])
def test_a_postmaster_bounces_where_the_subject_says_so(subject: str) -> None:
    postmaster = "System Administrator <postmaster@example.com>"
    assert read(mail(f"Subject: {subject}", author=postmaster)).origin is Origin.BOUNCE
    assert read(mail(f"Subject: {subject}")).origin is Origin.HUMAN
    assert read(mail(f"Subject: {subject}", author=postmaster), null_reverse_path=False).origin is Origin.HUMAN
    assert read(mail("Subject: Your server", author=postmaster)).origin is Origin.HUMAN
