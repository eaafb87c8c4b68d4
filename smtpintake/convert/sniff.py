"""What a file is, by its first octets: the signatures of the WHATWG MIME Sniffing Standard (s6, s7), and of what else
comes by mail.

Contract: pure, total, and constant in time. It recognises formats and guesses nothing: an empty string where the octets
bear no known sign. Libraries that know a thousand formats take two letters for a bitmap and know no type for a program
of Windows; for a policy that denies programs both are worse than not knowing.
"""

import re
from typing import Final

HEAD: Final = 2048  # octets that are looked at

TEXT: Final = "text/plain"
ZIP: Final = "application/zip"
OLE: Final = "application/x-ole-storage"
XML: Final = "text/xml"

_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"8BPS\0\x01", "image/vnd.adobe.photoshop"),
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),  # or a class of Java: a program either way
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\0", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"\xfe\xff", TEXT),
    (b"\xff\xfe", TEXT),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"#!", "text/x-shellscript"),
)
_BY_FIRST: Final = {first: tuple(each for each in _SIGNATURES if each[0][0] == first) for first in range(256)}
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
}
_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_IN_ZIP: Final = (
    (b"word/", _OFFICE + "wordprocessingml.document"),
    (b"xl/", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", _OFFICE + "presentationml.presentation"),
)
# OpenDocument and EPUB name their type in an entry of its own, which comes first and is stored as it is.
_NAMED_IN_ZIP: Final = re.compile(rb"mimetype(application/[a-z0-9.+-]{1,80})")
_MARKUP: Final = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)[\s>]"
    rb"|<(\?xml)|<(svg)[\s>]",
    re.IGNORECASE,
)
_SVG: Final = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
# What looks like the first may well be the second, of which it is the general form.
_GENERAL: Final = {
    TEXT: re.compile(r"text/|message/|application/(?:.*\b(?:json|javascript|xml|yaml|sql|pgp|smil)|x-sh)"),
    XML: re.compile(r".*\bxml$"),
    ZIP: re.compile(r"application/(?:vnd\.|epub|x-zip|java-archive|.*\+zip$)"),
    OLE: re.compile(r"application/(?:msword|vnd\.ms-|x-msi$)"),
    "application/ogg": re.compile(r"(?:audio|video)/(?:ogg|opus)"),
    "application/gzip": re.compile(r"application/x-(?:gzip|tgz|gtar|compressed-tar)"),
    "video/webm": re.compile(r"(?:audio|video)/(?:x-matroska|webm)"),
    "video/mp4": re.compile(r"(?:audio|video)/"),
}


def sniffed(head: bytes) -> str:
    """The media type of the octets that begin with `head`, or an empty string."""
    head = head[:HEAD]
    if not head:
        return ""
    for magic, media_type in _BY_FIRST[head[0]]:
        if head.startswith(magic):
            return _in_zip(head) if media_type == ZIP else media_type
    return _structured(head) or _text(head)


def detected(declared: str, head: bytes) -> str:
    """What to take a file for that is `declared` to be something: its signature counts, where that says otherwise."""
    seen = sniffed(head)
    if (
        not seen
        or seen == declared.replace("/x-", "/")
        or ((general := _GENERAL.get(seen)) and general.match(declared))
    ):
        return declared
    return seen


def _structured(head: bytes) -> str:
    """Formats whose sign is not at the very beginning, or too short to count alone."""
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[257:262] == b"ustar":
        return "application/x-tar"
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "image/bmp"
    if head.startswith(b"MZ") and _BINARY.search(head):
        return "application/vnd.microsoft.portable-executable"
    return ""


def _in_zip(head: bytes) -> str:
    if named := _NAMED_IN_ZIP.match(head, 30):
        return named[1].decode()
    if b"META-INF/" in head:
        return "application/java-archive"
    if b"[Content_Types].xml" in head or b"_rels/" in head:
        return next((media_type for folder, media_type in _IN_ZIP if folder in head), ZIP)
    return ZIP


def _text(head: bytes) -> str:
    if _BINARY.search(head):
        return ""
    markup = _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf").lstrip())
    if markup is None:
        return TEXT
    if markup[1] or markup[2]:
        return "image/svg+xml" if _SVG.search(head) else XML
    return "text/html"
