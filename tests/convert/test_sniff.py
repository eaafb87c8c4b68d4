"""What a file is, by its first octets."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpintake.convert.sniff import detected, sniffed

OFFICE = "application/vnd.openxmlformats-officedocument."
ODT = "application/vnd.oasis.opendocument.text"
PROGRAM = "application/vnd.microsoft.portable-executable"


def zipped(*names: str, stored: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, stored)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"", ""),
        (b"\x00\x01\x02\x03", ""),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x10\0\0\0????", ""),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"MZ\x90\0\x03\0\0\0", PROGRAM),
        (b"MZ is how Mark Zbikowski signed", "text/plain"),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0", "image/bmp"),
        (b"BMW and others\r\n", "text/plain"),
        (b"\x7fELF\x02", "application/x-elf"),
        (b"L\0\0\0\x01\x14\x02\0\0", "application/x-ms-shortcut"),
        (b"\0" * 257 + b"ustar\x0000", "application/x-tar"),
        (b"#!/bin/sh\nrm -rf /\n", "text/x-shellscript"),
        (b"a;b;c\r\n1;2;3\r\n", "text/plain"),
        ("Grüße".encode(), "text/plain"),
        ("Grüße".encode("utf-16"), "text/plain"),
        (b"\xef\xbb\xbf \r\n<!DOCTYPE html><html>", "text/html"),
        (b"<SCRIPT >alert(1)", "text/html"),
        (b"<abbr>", "text/plain"),
        (b"<?xml version='1.0'?><invoice/>", "text/xml"),
        (b"<?xml version='1.0'?><svg xmlns='x'>", "image/svg+xml"),
        (b"<svg onload=alert(1)>", "image/svg+xml"),
        (b"BEGIN:VCALENDAR\r\n", "text/calendar"),
        (zipped("readme.txt"), "application/zip"),
        (zipped(), "application/zip"),
        (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), OFFICE + "wordprocessingml.document"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), OFFICE + "spreadsheetml.sheet"),
        (zipped("mimetype", "content.xml", stored=ODT.encode()), ODT),
        (zipped("META-INF/MANIFEST.MF", "Main.class"), "application/java-archive"),
    ],
)
def test_signatures(head: bytes, media_type: str) -> None:
    assert sniffed(head) == media_type


@pytest.mark.parametrize(
    ("declared", "head", "media_type"),
    [
        ("application/pdf", b"%PDF-1.7", "application/pdf"),
        ("application/octet-stream", b"%PDF-1.7", "application/pdf"),
        ("application/pdf", b"MZ\x90\0", PROGRAM),
        ("image/png", b"<svg onload=alert(1)>", "image/svg+xml"),
        ("text/plain", b"<!doctype html >", "text/html"),
        ("image/png", b"\x01\x02\x03", "image/png"),
        ("image/png", b"", "image/png"),
        # The general form does not contradict the special one.
        ("text/csv", b"a;b", "text/csv"),
        ("application/json", b"{}", "application/json"),
        ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-excel"),
        (OFFICE + "wordprocessingml.document", zipped("a"), OFFICE + "wordprocessingml.document"),
        ("application/pdf", zipped("a"), "application/zip"),
        ("image/jpeg", b"a;b", "text/plain"),
    ],
)
def test_the_octets_count_where_they_contradict(declared: str, head: bytes, media_type: str) -> None:
    assert detected(declared, head) == media_type


@given(
    st.binary(max_size=600)
    | st.sampled_from([b"PK\x03\x04", b"RIFF", b"<", b"MZ", b"BM"]).flatmap(
        lambda start: st.binary(max_size=300).map(lambda rest: start + rest)
    )
)
def test_any_octets_have_a_type_or_none(head: bytes) -> None:
    media_type = sniffed(head)
    assert media_type == "" or media_type.count("/") == 1
