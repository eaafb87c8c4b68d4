"""Octets -> Message: structure, charsets, names, bodies, attachments."""

import base64
import hashlib
import mmap
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smtpintake.mail import transfer
from smtpintake.mail.bodies import MAX_TEXT, MAX_TEXTS
from smtpintake.mail.message import Attachment, Message
from smtpintake.mail.parse import embedded, read
from smtpintake.mail.reason import Reason
from tests.mail.letters import crlf, mail, multipart

PDF = "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nQUJD"


def opened(raw: bytes, attachment: Attachment) -> bytes:
    view = transfer.decoded(raw, attachment.offset, attachment.length, attachment.encoding)
    octets = b"".join(view)
    assert (len(octets), hashlib.sha256(octets).hexdigest()) == (attachment.size, attachment.sha256)
    return octets


def defects(message: Message) -> set[str]:
    return {defect.what for defect in message.defects}


def test_a_plain_mail() -> None:
    raw = mail(
        "Subject: =?utf-8?q?h=C3=A9?= [SUP-1]",
        "Date: Mon, 3 Nov 2025 10:00:00 +0100",
        "X-Smtpintake-Loop: mark",
        "Received: a",
        "received: b",
        body="Hello,\nyou.\n",
    )
    message = read(raw)
    assert message.subject == "hé [SUP-1]"
    assert message.date == datetime(2025, 11, 3, 9, tzinfo=UTC)
    assert message.loop_marks == ("mark",)
    assert message.received_count == 2
    assert message.header[1] == ("subject", "hé [SUP-1]")
    assert message.text == "Hello,\nyou."
    assert message.html is None
    assert message.attachments == ()
    assert message.size == len(raw)
    assert message.sha256 == hashlib.sha256(raw).hexdigest()
    assert message.defects == ()


@pytest.mark.parametrize(
    "section",
    [
        "Content-Type: text/x-log\n\n",
        "\n",  # no field at all: a text that has an empty line soon
        "Content-Type: text/x-log\nforgotten\n\n",  # the empty line was: the body begins before it
        f"Content-Type: text/x-log; name={'a' * 300}\n\n",
    ],
)
def test_parts_whose_header_is_the_same_are_read_where_they_are(section: str) -> None:
    first, second = (read(multipart(*parts)) for parts in ((f"{section}one\n\ntwo",), (PDF, f"{section}one\n\n2")))
    assert first.defects == second.defects
    if first.attachments:
        [log], [_, other] = first.attachments, second.attachments
        assert opened(multipart(f"{section}one\n\ntwo"), log).endswith(b"one\r\n\r\ntwo")
        assert opened(multipart(PDF, f"{section}one\n\n2"), other).endswith(b"one\r\n\r\n2")
        assert (log.name, log.content_type) == (other.name, other.content_type)
    else:
        assert (first.text, second.text) == ("one\n\ntwo", "one\n\n2")


def test_views_of_any_kind_read_alike(tmp_path: Path) -> None:
    raw = multipart("\nHello.", PDF)
    path = tmp_path / "mail"
    path.write_bytes(raw)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        mapped = read(view)
    assert mapped == read(raw) == read(memoryview(raw))
    assert read(raw, sha256="known").sha256 == "known"


def test_body_hash_is_that_of_the_content() -> None:
    first, again = read(multipart("\nHello.", PDF)), read(b"Received: later\r\n" + multipart("\nHello.", PDF))
    assert first.body_sha256 == again.body_sha256
    assert first.sha256 != again.sha256
    for other in (
        multipart("\nHallo.", PDF),
        multipart("\nHello.", PDF.replace("QUJD", "QUJE")),
        multipart("\nHello."),
    ):
        assert read(other).body_sha256 != first.body_sha256


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("Mon, 3 Nov 2025 10:00:00 +0100", datetime(2025, 11, 3, 9, tzinfo=UTC)),
        ("3 Nov 2025 10:00 -0930", datetime(2025, 11, 3, 19, 30, tzinfo=UTC)),
        ("Mon, 3 Nov 2025 10:00:00 +0000 (UTC)", datetime(2025, 11, 3, 10, tzinfo=UTC)),
        ("Mon, 3 Nov 25 10:00:00 EST", datetime(2025, 11, 3, 15, tzinfo=UTC)),
        ("Mon, 31 Feb 2025 10:00:00 +0000", None),
        ("Mon, 1 Jan 0001 00:00:00 +1000", None),
        ("Mon, 3 Nov 2025 25:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(date: str, moment: datetime | None) -> None:
    assert read(mail(f"Date: {date}")).date == moment


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("plain", "plain"),
        ("folded\n  twice\n\tover", "folded  twice over"),
        ("=?utf-8?b?w6k=?= =?utf-8?b?w6k=?=", "éé"),
        ("=?utf-8?b?w6?= =?utf-8?b?kh?=", "\ufffd!"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),  # a character cut in two
        ("a =?iso-8859-1?q?=E9?= b", "a é b"),
        ("=?utf-8*fr?q?=C3=A9?=", "é"),
        ("=?utf-8?q?two words?=", "two words"),
        ("=?ks_c_5601-1987?b?x9GxuQ==?=", "한국"),
        ("=?utf-16be?b?AGEA6Q==?=", "aé"),
        ("=?bogus?q?=C3=A9?=", "é"),
        ("=?iso-8859-1?q?Fr\u00f6sche?=", "Frösche"),  # raw where only encoded octets may stand
        ("=?utf-8?q?a=00b=0D=0Ac?=", "a\ufffdb c"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("raw é", "raw é"),
        ("raw é".encode("latin-1").decode("latin-1"), "raw é"),
        ("tab\there", "tab here"),
    ],
)
def test_subjects(subject: str, text: str) -> None:
    found = read(mail(f"Subject: {subject}")).subject
    if "\ufffd" not in text:
        assert found == text
    assert "\n" not in found
    assert "\0" not in found


def test_latin_1_in_a_header() -> None:
    assert read(mail(b"Subject: caf\xe9")).subject == "café"


@pytest.mark.parametrize(
    ("content_type", "octets", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ("text/plain", b"\xe9", "é"),
        ("text/plain; charset=utf-8", "é".encode(), "é"),
        ("text/plain; charset=utf-8", b"\xe9", "é"),
        ("text/plain; charset=iso-8859-1", b"\x80 \x93x\x94", "€ “x”"),  # cp1252 is meant
        ("text/plain; charset=us-ascii", "é".encode(), "é"),
        ("text/plain; charset=us-ascii", b"\xe9", "é"),
        ("text/plain; charset=koi8-r", "привет".encode("koi8-r"), "привет"),
        ("text/plain; charset=ks_c_5601-1987", "한국".encode("cp949"), "한국"),
        ("text/plain; charset=gb2312", "镕".encode("gb18030"), "镕"),
        ("text/plain; charset=unicode-1-1-utf-7", b"+AOk-", "é"),
        ("text/plain; charset=utf-7", b"+2AA-", "\ufffd"),  # a lone surrogate
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain; charset=punycode", b"abc", "abc"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset*=''utf-8%00", b"abc", "abc"),
        ("text", b"abc", "abc"),
        ("", b"abc", "abc"),
        ("text/plain; charset=utf-8; charset=koi8-r", "é".encode(), "é"),
        ('text/plain; charset="utf-8" (really)', "é".encode(), "é"),
    ],
)
def test_charsets(content_type: str, octets: bytes, text: str) -> None:
    assert read(mail(f"Content-Type: {content_type}", body=octets)).text == text


def test_a_nul_that_was_encoded_cannot_reach_the_database() -> None:
    message = read(mail("Content-Transfer-Encoding: base64", body=base64.b64encode(b"a\0b")))
    assert message.text == "a\ufffdb"


def test_alternatives_give_both_bodies() -> None:
    message = read(multipart("\nplain", "Content-Type: text/html\n\n<p>html", subtype="alternative"))
    assert (message.text, message.html) == ("plain", "<p>html")


@pytest.mark.parametrize("content_type", ["text/x-amp-html", "text/watch-html", "text/vnd.google.email-reaction+json"])
def test_an_alternative_that_few_programs_show_is_nothing_of_its_own(content_type: str) -> None:
    rare, plain = f"Content-Type: {content_type}\n\nx", "Content-Type: text/plain\n\nHello"
    message = read(multipart(rare, plain, subtype="alternative"))
    assert (message.text, message.attachments) == ("Hello", ())
    assert len(read(multipart(rare, plain)).attachments) == 1
    assert len(read(multipart(rare, subtype="alternative")).attachments) == 1  # nothing else says it


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("Content-Type: text/markdown", "<b>Hello</b>"),
        ("Content-Type: text/enriched", "<b>Hello</b>"),
        ("Content-Type: text/plain; name=text.txt", "<b>Hello</b>"),
        ("Content-Type: text/html; name=mail.html\nContent-Disposition: inline", None),
    ],
)
def test_text_that_is_usually_a_file_is_read_where_there_is_no_other(header: str, text: str | None) -> None:
    message = read(multipart(f"{header}\n\n<b>Hello</b>"))
    assert (message.text, message.html) == (text, None if text else "<b>Hello</b>")
    assert len(message.attachments) == 1
    beside = read(multipart("Content-Type: text/plain\n\nHi", f"{header}\n\n<b>Hello</b>"))
    assert (beside.text, beside.html) == ("Hi", None)


@pytest.mark.parametrize("content_type", ["text/csv", "text/calendar", "text/vcard", "text/css"])
def test_text_that_is_data_is_a_file(content_type: str) -> None:
    assert read(multipart(f"Content-Type: {content_type}\n\nx")).text is None


def test_texts_one_after_another_are_all_body() -> None:
    """Apple Mail puts attachments between paragraphs; a list adds its footer."""
    message = read(multipart("\none", PDF, "Content-Type: text/plain\n\ntwo"))
    assert message.text == "one\n\ntwo"
    assert len(message.attachments) == 1
    footed = read(multipart("Content-Type: text/html\n\n<p>one</p>", "Content-Type: text/plain\n\ntwo <3"))
    assert footed.text is None  # the plain part does not say everything
    assert footed.html is not None
    assert "<p>one</p>" in footed.html
    assert "two &lt;3" in footed.html


@pytest.mark.parametrize(
    ("header", "name", "content_type"),
    [
        ("Content-Type: application/pdf; name=a.pdf", "a.pdf", "application/pdf"),
        (
            'Content-Type: application/pdf\nContent-Disposition: attachment; filename="a b.pdf"',
            "a b.pdf",
            "application/pdf",
        ),
        ("Content-Type: a/b\nContent-Disposition: attachment; filename*=utf-8'de'%C3%A9.pdf", "é.pdf", "a/b"),
        ("Content-Type: a/b; name*0=lon; name*1=g.pdf", "long.pdf", "a/b"),
        ("Content-Type: a/b; name*0*=utf-8''%C3; name*1*=%A9.pdf", "é.pdf", "a/b"),
        ('Content-Type: a/b; name="=?utf-8?q?=C3=A9=2Epdf?="', "é.pdf", "a/b"),
        ('Content-Type: a/b; name="é.pdf"', "é.pdf", "a/b"),
        ("Content-Type: a/b; name=../../etc/passwd", "../../etc/passwd", "a/b"),
        ("Content-Type: a/b; name*=idna''%ff%fe", "ÿþ", "a/b"),
        ("Content-Type: a/b; name*99999999999999999999=x", "", "a/b"),
        ('Content-Type: a/b; name="\\"q\\".pdf"', 'q".pdf', "a/b"),
        ("Content-Type: a/b", "", "a/b"),
        ("Content-Type: not a type", "", "application/octet-stream"),
        ("Content-Type: text/plain; name=notes.txt", "notes.txt", "text/plain"),
        ("Content-Type: text/plain\nContent-Disposition: inline; filename=notes.txt", "notes.txt", "text/plain"),
        ("Content-Type: text/html\nContent-Disposition: attachment", "", "text/html"),
        ("Content-Type: text/calendar", "", "text/calendar"),
    ],
)
def test_attachments(header: str, name: str, content_type: str) -> None:
    raw = multipart("\nbody", f"{header}\n\nABC")
    message = read(raw)
    assert message.text == "body"
    (attachment,) = message.attachments
    assert (attachment.name, attachment.content_type) == (name, content_type)
    assert opened(raw, attachment) == b"ABC"


def test_attachments_are_exact_to_the_octet() -> None:
    content = bytes(range(256)) * 3000
    encoded = base64.encodebytes(content).decode()
    raw = multipart(
        "\nbody",
        f"Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n{encoded}",
        "Content-Type: a/b\nContent-Transfer-Encoding: QUOTED-PRINTABLE\n\n=41=\nB=43",
        "Content-Type: a/b\nContent-Transfer-Encoding: 8bit\n\né\n",
        "Content-Type: a/b\nContent-Transfer-Encoding: x-unheard-of\n\nABC",
    )
    message = read(raw)
    assert [opened(raw, attachment) for attachment in message.attachments] == [
        content,
        b"ABC",
        "é\r\n".encode(),
        b"ABC",
    ]
    assert "transfer.unknown" in defects(message)


def test_inline_images() -> None:
    related = multipart(
        "Content-Type: text/html\n\n<img src=cid:logo@x>",
        "Content-Type: image/png; name=logo.png\nContent-ID: <logo@x>\n\nPNG",
        subtype="related",
    )
    (image,) = read(related).attachments
    assert (image.inline, image.content_id) == (True, "logo@x")


@pytest.mark.parametrize("kind", ["message/rfc822", "message/global"])
def test_an_attached_mail_is_one_attachment(kind: str) -> None:
    inner = multipart("\ninner text", PDF, boundary="inner")
    raw = multipart("\nouter", f"Content-Type: {kind}\n\n".encode() + inner)
    message = read(raw)
    assert message.text == "outer"
    (attachment,) = message.attachments
    assert attachment.name == "message.eml"
    assert read(opened(raw, attachment)).text == "inner text"


def test_a_delivery_report_keeps_the_returned_mail_to_itself() -> None:
    raw = multipart(
        "\nit failed",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x",
        "Content-Type: message/rfc822\n\nSubject: secret\n\nreturned text",
        subtype="report; report-type=delivery-status",
    )
    message = read(raw)
    assert message.text == "it failed"
    assert [attachment.content_type for attachment in message.attachments] == [
        "message/delivery-status",
        "message/rfc822",
    ]


def test_a_digest_holds_mails() -> None:
    message = read(multipart("\nFrom: a@b.example\n\none", "\nFrom: a@b.example\n\ntwo", subtype="digest"))
    assert [attachment.content_type for attachment in message.attachments] == ["message/rfc822"] * 2


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("--b\n\none\n--b\n\ntwo\n--b--\n", "one\n\ntwo"),
        ("preamble\n--b\n\none\n--b--\nepilogue\n", "one"),
        ("--b  \t\n\none\n--b--  \n", "one"),
        ("--b\n\none\n--bx\nstill\n--b--", "one\n--bx\nstill"),
        ("--b\n\none\n", "one"),
        ("--b\n\none\n--b\n\ntwo", "one\n\ntwo"),
        ("--b\n--b\n\none\n--b--", "one"),
        ("--b--\n", "--b--"),  # odd, and shown as it is
        ("--b\n\none\n--b--\n--b\n\nafter the end\n--b--\n", "one"),
        ("--b\nno header, no empty line\n--b--\n", "no header, no empty line"),
        ("no boundary at all\n", "no boundary at all"),
    ],
)
def test_boundaries(body: str, texts: str | None) -> None:
    message = read(mail("Content-Type: multipart/mixed; boundary=b", body=body))
    assert (message.text or "").strip() == (texts or "")


@pytest.mark.parametrize("parameter", ["", "; boundary=", '; boundary=""', "; boundary=" + "x" * 300])
def test_a_multipart_without_boundary_is_shown_as_it_is(parameter: str) -> None:
    message = read(mail(f"Content-Type: multipart/mixed{parameter}", body="--\n\ntext\n"))
    assert message.text is not None
    assert "text" in message.text
    assert "multipart.boundary" in defects(message)


def test_an_outer_boundary_ends_inner_parts() -> None:
    inner = "Content-Type: multipart/mixed; boundary=c\n\n--c\n\none"
    message = read(multipart(inner, "\ntwo"))
    assert message.text == "one\n\ntwo"
    assert "multipart.unclosed" in defects(message)


def test_bounds_of_structure() -> None:
    deep = "\n".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}" for n in range(60)) + "\n\nx"
    assert read(crlf(f"From: a@b.example\n{deep}")).refusal is Reason.MESSAGE_COMPLEX
    assert read(multipart(*["\nx"] * 1001)).refusal is Reason.MESSAGE_COMPLEX
    assert read(multipart(*["\nx"] * 900)).refusal is None
    assert read(multipart("X: " + "y" * 70_000 + "\n\nx")).refusal is Reason.MESSAGE_COMPLEX


def test_what_is_refused_says_who_wrote_what() -> None:
    message = read(mail("Subject: Hello", "Message-ID: <m@x.example>", body="a\0b"))
    assert message.refusal is Reason.DATA_NUL
    assert (message.subject, message.message_id) == ("Hello", "m@x.example")
    assert message.author is not None
    assert message.text is None
    assert message.defects[0].what == "refused.data.nul"


def test_text_beyond_what_we_keep_is_an_attachment_too() -> None:
    raw = mail(body="x" * (MAX_TEXT + 1))
    message = read(raw)
    assert message.text == "x" * MAX_TEXT
    (attachment,) = message.attachments
    assert attachment.size == MAX_TEXT + 1
    assert "text.long" in defects(message)


def test_texts_beyond_what_anybody_reads_are_attachments() -> None:
    message = read(multipart(*[f"Content-Type: text/plain\n\n{n}" + "x" * MAX_TEXT for n in range(9)]))
    assert message.text is not None
    assert MAX_TEXTS < len(message.text) < MAX_TEXTS + 2 * MAX_TEXT
    assert len(message.attachments) == 9
    assert "text.many" in defects(message)


def test_an_attached_mail_is_read_where_it_stands() -> None:
    inner = multipart("Content-Type: text/plain\n\nHi.", PDF, boundary="c", fields=("Subject: Inside",))
    raw = multipart(b"Content-Type: message/rfc822\n\n" + inner)
    (view,) = read(raw).attachments
    found = embedded(raw, view)
    assert found is not None
    assert (found.subject, found.text, found.sha256, found.size) == ("Inside", "Hi.", view.sha256, view.size)
    assert [opened(raw, attachment) for attachment in found.attachments] == [b"ABC"]
    assert found.sha256 == read(opened(raw, view)).sha256
    assert found.body_sha256 == read(opened(raw, view)).body_sha256


@pytest.mark.parametrize("part", [PDF, "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQUJD"])
def test_what_is_no_mail_as_it_stands_is_not_read_as_one(part: str) -> None:
    raw = multipart(part)
    assert embedded(raw, read(raw).attachments[0]) is None


def test_flowed_text() -> None:
    body = "A paragraph \nin two lines.\n> quoted \n> too\n>> deeper \n -- stuffed\n-- \nsignature\n"
    flowed = read(mail("Content-Type: text/plain; format=flowed", body=body)).text
    assert flowed == "A paragraph in two lines.\n> quoted too\n>> deeper \n-- stuffed\n-- \nsignature"
    joined = read(mail("Content-Type: text/plain; format=flowed; delsp=yes", body="日 \n本\n")).text
    assert joined == "日本"


def test_an_empty_mail() -> None:
    assert read(b"").text == ""
    assert read(b"\r\n").text == ""
    assert read(b"").from_fields == 0
