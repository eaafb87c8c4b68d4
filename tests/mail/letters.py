"""Mails for tests, as octets. `mail` writes lines with LF and sends CRLF, as a test is easier to read that way."""


def crlf(text: str | bytes) -> bytes:
    octets = text.encode() if isinstance(text, str) else text
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def mail(
    *fields: str | bytes, body: str | bytes = "Hello.\n", author: str | bytes | None = "Ana <ana@example.com>"
) -> bytes:
    """A mail with these header fields (each `Name: value`) after From, and this body."""
    lines = [crlf(field) for field in fields]
    if author is not None:
        lines.insert(0, b"From: " + crlf(author))
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n" + crlf(body)


def multipart(*parts: str | bytes, subtype: str = "mixed", boundary: str = "b", fields: tuple[str, ...] = ()) -> bytes:
    """A multipart mail; each part is its header, an empty line, its body."""
    body = b"".join(b"--" + boundary.encode() + b"\n" + as_bytes(part) + b"\n" for part in parts)
    closing = b"--" + boundary.encode() + b"--\n"
    return mail(*fields, f'Content-Type: multipart/{subtype}; boundary="{boundary}"', body=body + closing)


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
