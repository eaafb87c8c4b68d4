"""The forwards of a published suite: we find the author of each, but for those whom nobody can be certain of."""

from pathlib import Path

import pytest

from smtpintake.convert.forwarded import inline
from tests import vectors

FOLDER = vectors.path("forward")
# Whose the mail is cannot be said for certain: `John Doe … on behalf of ticketing@acme.com`, and a name alone.
UNCERTAIN = {
    "outlook_live_en_body_variant_9.txt",
    "outlook_live_en_body_variant_10.txt",
    "unknown_en_body_variant_12.txt",
}
# Attributions and one-line blocks hold no such field; dates that may be of two days are none.
WITHOUT_DATE = {"ionos_one_and_one_en_body.txt", "ionos_one_and_one_en_body_variant_2.txt", "outlook_2019_pt_body.txt"}
_BY_PREFIX = ("outlook", "new_outlook", "ionos", "unknown")  # clients that mark a forward in the subject only


def _subject(body: Path) -> str:
    own = body.with_name(body.name.replace("_body", "_subject"))
    if own.exists():
        return own.read_text().strip()
    return "FW: Integer consequat non purus" if body.name.startswith(_BY_PREFIX) else ""


@pytest.mark.parametrize("body", sorted(FOLDER.glob("*_body*.txt")), ids=lambda path: path.stem)
def test_the_author_of_each_vector(body: Path) -> None:
    found = inline(body.read_text().replace("\r\n", "\n"), _subject(body))
    if body.stem.endswith("variant_4") or body.name in UNCERTAIN:  # variant 4 is an answer
        assert found is None
        return
    assert found is not None
    assert str(found.author.mailbox) == "john.doe@acme.com"
    assert found.author.name.replace(",", "") == ("" if body.name == "apple_mail_en_body_variant_5.txt" else "John Doe")
    assert found.subject == ("" if body.name == "yahoo_pt_body.txt" else "Integer consequat non purus")
    assert (found.date is None) == (body.name in WITHOUT_DATE)
    assert found.text.startswith("Aenean quis diam urna.")
    assert found.comment in ("", "Praesent suscipit egestas hendrerit.\n\nAliquam eget dui dui.")


def test_nearly_every_author_of_the_suite_is_found() -> None:
    forwards = [body for body in FOLDER.glob("*_body*.txt") if not body.stem.endswith("variant_4")]
    found = [inline(body.read_text().replace("\r\n", "\n"), _subject(body)) for body in forwards]
    authors = [str(each.author.mailbox) for each in found if each is not None]
    assert authors.count("john.doe@acme.com") >= 0.95 * len(forwards) > 100
