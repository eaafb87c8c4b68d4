"""Attachments and images, from the mail into the issue and out again."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from smtpintake.store.attachments import opened
from smtpintake.store.blobs import FileBlobs
from smtpintake.store.tracker import issue_view
from smtpintake.store.views import IssueView
from tests.intake.test_inbox_settings import Desk
from tests.intake.test_record import mail

LOGO = b"\x89PNG\r\n\x1a\n the logo of a company"
RELATED = "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=r\r\n"
BODY = (
    "--r\r\nContent-Type: text/html\r\n\r\n<p>{}</p><img src='cid:logo%40acme' alt=Acme>"
    "<img src='https://tracker.example/pixel.gif'><table background='//tracker.example/b.gif'></table>\r\n"
    "--r\r\nContent-Type: image/png; name=../logo.png\r\nContent-ID: <logo@acme>\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(LOGO).decode() + "\r\n--r--\r\n"
)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.has()
    yield desk
    desk.database.close()


def viewed(desk: Desk) -> IssueView:
    with desk.database.session() as session:
        view = issue_view(session, "SUP-1")
    assert view is not None
    return view


def octets_of(desk: Desk, folder: Path, attachment_id: int) -> bytes | None:
    blobs = FileBlobs(folder / "blobs")
    try:
        with desk.database.session() as session, opened(session, blobs, attachment_id) as pieces:
            return b"".join(pieces) if pieces is not None else None
    finally:
        blobs.close()


def test_images_stay_in_place_or_are_counted_and_a_logo_is_listed_once(desk: Desk, tmp_path: Path) -> None:
    desk.submit(mail(extra=RELATED, body=BODY.format("Help!"), message_id="first@customer.example"))
    answer = f"In-Reply-To: <first@customer.example>\r\n{RELATED}"
    desk.submit(mail(subject="Re: Printer", extra=answer, body=BODY.format("It burns.")))
    issue = viewed(desk)
    (comment,) = issue["comments"]
    for place, repeated in ((issue, False), (comment, True)):
        (logo,) = place["attachments"]
        assert (logo["name"], logo["original_name"]) == ("logo.png", "../logo.png")
        assert (logo["content_id"], logo["inline"], logo["repeated"]) == ("logo@acme", True, repeated)
        assert '<img src="cid:logo@acme" alt="Acme">' in (place["body_html"] or "")
        assert "tracker.example" not in (place["body_html"] or "")
        assert place["blocked_images"] == 2
        assert octets_of(desk, tmp_path, logo["id"]) == LOGO
    assert octets_of(desk, tmp_path, 3) is None
