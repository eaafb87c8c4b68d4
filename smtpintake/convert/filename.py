"""The name under which an attachment is shown and saved.

Contract: pure, total and linear. Whatever a sender writes, the result is one component of a path, never empty, at most
`MAX_NAME` octets of UTF-8, and the same on every common file system: no path, no control, no character that turns the
direction of what follows (`invoice\u202efdp.exe`), no device of Windows. Making a safe name safe changes nothing. What
the sender wrote is kept beside it.
"""

import re
from typing import Final
from unicodedata import normalize

MAX_NAME: Final = 255  # octets, of what common file systems take
MAX_EXTENSION: Final = 32  # octets, with the dot; what is longer is no extension

_RESERVED: Final = re.compile(r'[<>:"|?*]')
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.IGNORECASE)
# What has no name is called what it is.
_NAMES: Final = {
    "application/pdf": "document.pdf",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-signature": "signature.p7s",
    "application/zip": "archive.zip",
    "audio/mpeg": "audio.mp3",
    "audio/wav": "audio.wav",
    "image/bmp": "image.bmp",
    "image/gif": "image.gif",
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/svg+xml": "image.svg",
    "image/tiff": "image.tif",
    "image/webp": "image.webp",
    "message/delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "message/rfc822": "message.eml",
    "text/calendar": "calendar.ics",
    "text/csv": "table.csv",
    "text/html": "text.html",
    "text/plain": "text.txt",
    "text/rfc822-headers": "header.txt",
    "text/vcard": "contact.vcf",
}


def safe_name(name: str, content_type: str = "") -> str:
    """`name` made safe; one that says what it is, such as `image.png`, where nothing of it is left."""
    # RFC 2183 s2.3: of a path only the last component counts, whoever's separator it has.
    last = name.replace("\\", "/").rstrip("/ .").rpartition("/")[2]
    shown = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in normalize("NFC", last))
    kept = " ".join(_RESERVED.sub("_", shown).split()).strip(" .")
    if not kept:
        kept = _NAMES.get(content_type, "attachment")
    elif _DEVICE.match(kept):
        kept = f"_{kept}"
    return _shortened(kept)


def _shortened(name: str) -> str:
    """At most `MAX_NAME` octets, with the extension, as that is what decides who opens the file."""
    if len(name.encode()) <= MAX_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension.encode()) < MAX_EXTENSION else ""
    room = MAX_NAME - len(ending.encode())
    cut = name.removesuffix(ending).encode()[:room].decode(errors="ignore")
    return cut.rstrip(" .") + ending
