"""winmail.dat: its text and its files are those of the mail."""

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.mail import lzfu, tnef
from smtpintake.mail.parse import read
from tests.mail import streams
from tests.mail.letters import multipart
from tests.mail.opening import files

PLAIN = "Content-Type: text/plain\n\nDear colleagues"
RTF = b"{\\rtf1 Hello}"
# The example of [MS-OXRTFCP] s4.1.1.
COMPRESSED = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
# That of s4.1.2: it reaches into what it is just saying.
REPEATING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")


def winmail(stream: bytes, *before: str, encoding: str = "base64") -> bytes:
    body = base64.encodebytes(stream) if encoding == "base64" else stream
    header = f"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: {encoding}\n\n"
    return multipart(*before, header.encode() + body)


def test_files_are_attachments() -> None:
    raw = winmail(
        streams.stream(
            streams.file(b"SHORT~1.PDF", b"PDF" * 9, streams.text(0x3707, "Überblick Straße.pdf")),
            streams.file(b"logo.png", b"PNG", streams.text(0x3712, "logo@x"), streams.text(0x370E, "image/png")),
            streams.file(b"caf\xe9.txt", b"TXT"),
        ),
        PLAIN,
    )
    message = read(raw)
    assert message.text == "Dear colleagues"
    assert files(raw, message) == {"Überblick Straße.pdf": b"PDF" * 9, "logo.png": b"PNG", "café.txt": b"TXT"}
    logo = message.attachments[1]
    assert (logo.content_type, logo.content_id, logo.inline) == ("image/png", "logo@x", True)


def test_a_stream_without_transfer_encoding() -> None:
    stream = streams.stream(streams.file(b"a.txt", b"TXT")).replace(b"\0", b"\1")
    assert tnef.read(stream) is not None  # nonsense now, as no mail may have a NUL: kept, and no harm done
    raw = winmail(stream, PLAIN, encoding="")
    assert list(files(raw, read(raw))) == ["winmail.dat"]


def test_its_text_is_that_of_a_mail_without_text() -> None:
    raw = winmail(
        streams.stream(
            streams.message(
                streams.Property(0x8001, streams.LONG, 5),
                streams.Property(0x3FDE, streams.LONG, 65001),
                streams.text(0x1000, "Grüße\r\naus Łódź"),
                streams.Property(0x1013, streams.BINARY, "<p>Grüße</p>".encode()),
            )
        )
    )
    message = read(raw)
    assert (message.text, message.html) == ("Grüße\naus Łódź", "<p>Grüße</p>")
    assert message.attachments == ()


def test_text_beyond_what_we_keep_keeps_its_stream() -> None:
    html = b"<p>" + b"x" * tnef.MAX_TEXT
    stream = streams.stream(streams.message(streams.Property(0x1013, streams.BINARY, html)))
    raw = winmail(stream)
    message = read(raw)
    assert message.html == html[: tnef.MAX_TEXT].decode()
    assert files(raw, message) == {"winmail.dat": stream}


def test_text_beyond_what_we_keep_keeps_its_stream_also_before_mapi() -> None:
    stream = streams.stream(streams.attribute(1, 0x0002800C, b"x" * (tnef.MAX_TEXT + 1)))
    raw = winmail(stream)
    assert files(raw, read(raw)) == {"winmail.dat": stream}


def test_a_text_that_the_mail_does_not_say_keeps_its_stream() -> None:
    said, unsaid = (
        streams.stream(streams.message(streams.text(0x1000, text)))
        for text in ("Dear\r\ncolleagues\r\n", "Dear colleagues, send help")
    )
    assert files(winmail(said, PLAIN), read(winmail(said, PLAIN))) == {}
    assert files(winmail(unsaid, PLAIN), read(winmail(unsaid, PLAIN))) == {"winmail.dat": unsaid}


def test_after_many_files_a_stream_stays_as_it_is() -> None:
    stream = base64.encodebytes(streams.stream(*[streams.file(b"a.txt", b"TXT")] * 300))
    wrapped = b"Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\n" + stream
    names = [attachment.name for attachment in read(multipart(*[wrapped] * 6)).attachments]
    assert names == ["a.txt"] * 1200 + ["winmail.dat"] * 2


def test_a_long_text_is_not_read_again_for_each_stream() -> None:
    stream = base64.encodebytes(streams.stream(streams.message(streams.text(0x1000, "Other words"))))
    files = [b"Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n" + stream] * 900
    raw = multipart(*["Content-Type: text/plain\n\n" + "word word, " * 23_000] * 4, *files)
    # The deadline of the test run is what reading it for each would break.
    assert len(read(raw).attachments) == 900


def test_text_of_before_mapi() -> None:
    raw = winmail(streams.stream(streams.attribute(1, 0x0002800C, "Привет\0".encode("cp1251")), code_page=1251))
    assert read(raw).text == "Привет"


def rich(octets: bytes) -> streams.Property:
    """RTF that is not compressed, as [MS-OXRTFCP] s2.1.3.1.5 has it."""
    return streams.Property(
        0x1009, streams.BINARY, struct.pack("<II", len(octets) + 12, len(octets)) + b"MELA    " + octets
    )


def test_a_text_in_rtf_alone_is_the_text() -> None:
    raw = winmail(streams.stream(streams.message(streams.Property(0x1009, streams.BINARY, COMPRESSED))))
    message = read(raw)
    assert message.text == "hello world"
    assert message.attachments == ()


HTML_IN_RTF = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}}"
    rb"{\*\htmltag64 <p>}See the {\*\htmltag84 <b>}\htmlrtf {\b \htmlrtf0 plan\htmlrtf }\htmlrtf0 {\*\htmltag92 </b>}"
    rb"{\*\htmltag84 <img src=\'22cid:logo@x\'22>}{\*\htmltag72 </p>}}"
)
LOGO = streams.file(b"logo.png", b"PNG", streams.text(0x3712, "logo@x"), streams.text(0x370E, "image/png"))


def test_html_in_rtf_is_the_html() -> None:
    message = read(winmail(streams.stream(streams.message(rich(HTML_IN_RTF)), LOGO)))
    assert message.text is None
    assert message.html == '<p>See the <b>plan</b><img src="cid:logo@x"></p>'
    assert [attachment.name for attachment in message.attachments] == ["logo.png"]


def test_html_beside_the_plain_text_that_outlook_made_of_it_is_its_alternative() -> None:
    message = read(
        winmail(streams.stream(streams.message(rich(HTML_IN_RTF)), LOGO), "Content-Type: text/plain\n\nSee the plan")
    )
    assert message.text == "See the plan"
    assert message.html == '<p>See the <b>plan</b><img src="cid:logo@x"></p>'


def test_rtf_that_says_what_the_plain_text_says_is_not_kept() -> None:
    """Its bullets and dashes are others."""
    raw = winmail(
        streams.stream(streams.message(rich(rb"{\rtf1\ansi Dear colleagues\par {\pntext\'b7\tab}one \endash two}"))),
        "Content-Type: text/plain\n\nDear colleagues\n\n*\tone - two",
    )
    assert read(raw).attachments == ()


@pytest.mark.parametrize(
    "octets", [RTF.replace(b"Hello", rb"Hello {\pict ffd8}"), RTF[:-1]], ids=["picture", "cut off"]
)
def test_rtf_of_which_text_is_not_all_is_a_file_as_well(octets: bytes) -> None:
    raw = winmail(streams.stream(streams.message(rich(octets))))
    message = read(raw)
    assert message.text is not None
    assert message.text.strip() == "Hello"
    assert files(raw, message) == {"message.rtf": octets}


def test_what_is_no_rtf_is_a_file() -> None:
    raw = winmail(streams.stream(streams.message(rich(b"Hello"))))
    message = read(raw)
    assert message.text is None
    assert files(raw, message) == {"message.rtf": b"Hello"}


def test_of_several_rtf_one_is_read() -> None:
    part = winmail(streams.stream(streams.message(rich(RTF))))
    _, _, part = part.partition(b"--b\r\n")
    part, _, _ = part.partition(b"\r\n--b--")
    raw = multipart(part, part)
    message = read(raw)
    assert message.text == "Hello"
    assert list(files(raw, message)) == ["winmail.dat"]


def test_rtf() -> None:
    assert lzfu.decompressed(COMPRESSED) == rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"
    assert lzfu.decompressed(REPEATING) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert lzfu.decompressed(struct.pack("<II", 30, len(RTF)) + b"MELA" + bytes(4) + RTF) == RTF


def test_an_embedded_message_is_a_file() -> None:
    inner = streams.stream(streams.message(streams.text(0x1000, "inside")))
    raw = winmail(
        streams.stream(
            streams.attribute(2, 0x00069002, bytes(14)),
            streams.attribute(
                2,
                0x00069005,
                streams.properties(
                    streams.Property(0x3701, streams.OBJECT, bytes(16) + inner), streams.text(0x3707, "Re: plan")
                ),
            ),
        ),
        PLAIN,
    )
    assert files(raw, read(raw)) == {"Re: plan": inner}


@pytest.mark.parametrize("cut", [10, 60, 150])
def test_what_is_cut_off_keeps_its_stream_as_well(cut: int) -> None:
    stream = streams.stream(streams.file(b"a.txt", b"TXT"), streams.file(b"b.txt", b"TXT" * 50))[:-cut]
    raw = winmail(stream, PLAIN)
    message = read(raw)
    found = files(raw, message)
    assert found["winmail.dat"] == stream
    assert "tnef.incomplete" in {defect.what for defect in message.defects}
    assert found["a.txt"] == b"TXT"


def test_what_is_no_tnef_is_kept() -> None:
    raw = winmail(b"something else", PLAIN)
    assert files(raw, read(raw)) == {"winmail.dat": b"something else"}


WHOLE = streams.stream(
    streams.message(streams.text(0x1000, "x"), streams.Property(0x1009, streams.BINARY, COMPRESSED)),
    streams.file(b"a", b"b", streams.text(0x3707, "c")),
)


@given(st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)), st.binary(max_size=8))
def test_total(start: int, length: int, wrong: bytes) -> None:
    tnef.read(WHOLE[:start] + wrong + WHOLE[start + length :])


@given(st.binary(max_size=200))
def test_any_rtf(octets: bytes) -> None:
    assert len(lzfu.decompressed(struct.pack("<II", 9, 100) + b"LZFu" + bytes(4) + octets)) <= 100
