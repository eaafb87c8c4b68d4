"""The mails that are sent: what an ordinary client writes, in three sizes. `@@@@@@@@` becomes each mail's number."""

import base64
import random
from pathlib import Path
from typing import Final

SIZES: Final = {"5 KB": 5_000, "200 KB": 200_000, "5 MB": 5_000_000}
MARK: Final = b"@@@@@@@@"

_TRACE: Final = """\
Received: from mail.clients.example (mail.clients.example [192.0.2.25])
\tby relay.clients.example with ESMTPS id @@@@@@@@; Mon, 2 Mar 2026 10:00:00 +0000
"""

_SIGNATURE: Final = """\
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=clients.example; s=mail;
\th=from:to:subject:date:message-id; bh=g3zLYH4xKxcPrHOD18z9YfpQcnk/GaJedfustWU5uGs=;
\tb=VGhlIHNpZ25hdHVyZSBpcyBub3QgY2hlY2tlZCBoZXJlLCBpdCBpcyBvbmx5IHRoZXJlIHRvIGJl
"""

FIELDS: Final = """\
Message-ID: <@@@@@@@@.bench@clients.example>
In-Reply-To: <@@@@@@@@.earlier@clients.example>
References: <@@@@@@@@.first@clients.example> <@@@@@@@@.earlier@clients.example>
Date: Mon, 2 Mar 2026 10:00:00 +0000
From: =?utf-8?q?Andr=C3=A9_Customer?= <customer@@@@@@@@@clients.example>
To: Support <support@example.org>
Subject: Printer @@@@@@@@ in the second floor does not print
User-Agent: Bench
MIME-Version: 1.0
"""

_PHRASES: Final = (
    "the printer in the second floor",
    "says paper jam",
    "but there is none",
    "we opened every door",
    "and turned it off and on again",
    "please send somebody before noon",
    "because the invoices have to leave today",
    "thank you very much",
)


def write(folder: Path) -> dict[str, Path]:
    """One file a size, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, size in SIZES.items():
        paths[name] = folder / f"mail-{size}.eml"
        paths[name].write_bytes(_mail(size, _TRACE + _SIGNATURE + FIELDS))
    return paths


def unsigned(size: int, *, plain: bool = False) -> bytes:
    """A mail without the signature that is only there to be there; with `plain` it has a text and nothing else."""
    if not plain:
        return _mail(size, _TRACE + FIELDS)
    text = "Content-Type: text/plain; charset=utf-8\n\n" + prose(size, size)
    return f"{_TRACE}{FIELDS}{text}\n".replace("\n", "\r\n").encode()


def _mail(size: int, header: str) -> bytes:
    chance = random.Random(size)
    text = _prose(chance, 1_200)
    html = "".join(f"<p>{line}</p>\n" for line in _prose(chance, 1_500).splitlines())
    alternative = (
        "--alternative\nContent-Type: text/plain; charset=utf-8\n\n"
        f"{text}\n--alternative\nContent-Type: text/html; charset=utf-8\n\n"
        f"<html><body>\n{html}</body></html>\n--alternative--\n"
    )
    kind = 'Content-Type: multipart/alternative; boundary="alternative"\n\n'
    if size < 10_000:
        # A small signature image, as small mails have.
        part = _attachment(chance, size - len(header) - len(alternative) - 500, "image/png", "logo.png")
    else:
        part = _attachment(chance, size - len(header) - len(alternative) - 500, "application/pdf", "invoice.pdf")
    mixed = f'{header}Content-Type: multipart/mixed; boundary="mixed"\n\n--mixed\n{kind}{alternative}{part}--mixed--\n'
    return mixed.replace("\n", "\r\n").encode()


def prose(seed: int, length: int) -> str:
    """About this many characters of ordinary text, in lines."""
    return _prose(random.Random(seed), length)


def _prose(chance: random.Random, length: int) -> str:
    lines: list[str] = []
    while length > 0:
        lines.append(" ".join(chance.choices(_PHRASES, k=3)).capitalize() + ".")
        length -= len(lines[-1])
    return "\n".join(lines)


def _attachment(chance: random.Random, encoded: int, content_type: str, name: str) -> str:
    octets = chance.randbytes(encoded * 3 // 4 * 76 // 78)
    body = base64.encodebytes(octets).decode()
    return (
        f'--mixed\nContent-Type: {content_type}; name="{name}"\nContent-Transfer-Encoding: base64\n'
        f'Content-Disposition: attachment; filename="{name}"\n\n{body}\n'
    )
