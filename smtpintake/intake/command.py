"""The grammar of SMTP commands: a line's verb and argument, the paths of MAIL and RCPT, their parameters.

Contract: pure; text in, values out, None or an `AddressError` where the grammar is broken. aiosmtpd reads paths with a
parser for header fields, which takes `a @ b.c`, NUL and a missing `>`; here an address that is read is valid.

    Mail-command = "MAIL FROM:" Reverse-path [SP Mail-parameters]       ; RFC 5321 s4.1.1.2
    Rcpt-command = "RCPT TO:" Forward-path [SP Rcpt-parameters]         ; s4.1.1.3
    Path         = "<" [ A-d-l ":" ] Mailbox ">"                        ; s4.1.2; A-d-l, the source route, is ignored
"""

import re
from dataclasses import dataclass
from typing import Final

from smtpintake.mail.address import MAX_PATH, NULL_PATH, AddressError, Mailbox, ReversePath

MAX_HELLO: Final = 255

# Postfix and others let white space stand behind the colon, so senders exist that write it.
_PATH: Final = re.compile(
    r'(?P<keyword>FROM|TO):[ ]*<(?P<path>(?:"(?:[^"\\]|\\.)*"|[^<>" ])*)>(?:[ ]+(?P<parameters>.*))?', re.IGNORECASE
)
_SOURCE_ROUTE: Final = re.compile(r"@[^:\"]*:")
_PARAMETER: Final = re.compile(r"(?P<keyword>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^=\x00-\x20\x7f]+))?")


@dataclass(frozen=True, slots=True)
class Path:
    """What stands between the angle brackets, and the parameters by upper-case keyword (None: no value)."""

    text: str
    parameters: dict[str, str | None]


def split_command(line: bytes) -> tuple[bytes, str | None] | None:
    """Verb in upper case and argument; None where the line holds control characters or no UTF-8. Without its CRLF."""
    verb, _, argument = line.partition(b" ")
    try:
        text = argument.decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        return None
    if not text.isprintable():
        return None
    return verb.upper(), text or None


def read_path(argument: str | None, keyword: str) -> Path | None:
    """The path behind `FROM:` or `TO:`; None for anything else, a keyword given twice included."""
    match = _PATH.fullmatch(argument or "")
    if match is None or match["keyword"].upper() != keyword:
        return None
    parameters: dict[str, str | None] = {}
    for word in (match["parameters"] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None or parameter["keyword"].upper() in parameters:
            return None
        parameters[parameter["keyword"].upper()] = parameter["value"]
    return Path(match["path"], parameters)


def reverse_path(text: str, *, utf8: bool) -> ReversePath:
    """RFC5321.MailFrom. Raises AddressError."""
    return ReversePath(_mailbox(text, utf8=utf8)) if text else NULL_PATH


def forward_path(text: str, hostname: str, *, utf8: bool) -> Mailbox:
    """RFC5321.RcptTo; `Postmaster` alone is ours at `hostname` (RFC 5321 s4.5.1). Raises AddressError."""
    if not text:
        raise AddressError("the null path is nobody's address")
    if text.lower() == "postmaster":
        return Mailbox("postmaster", hostname)
    return _mailbox(text, utf8=utf8)


def _mailbox(text: str, *, utf8: bool) -> Mailbox:
    if len(text) + 2 > MAX_PATH:
        raise AddressError(f"the path is longer than {MAX_PATH} octets")
    if text.startswith("@"):
        text = _SOURCE_ROUTE.sub("", text, count=1)
    return Mailbox.parse(text, utf8=utf8)


def declared_size(value: str | None) -> int | None:
    """The argument of SIZE= (RFC 1870 s4): 1 to 20 digits, or None."""
    return int(value) if value is not None and re.fullmatch(r"[0-9]{1,20}", value) else None


def hello_name(argument: str | None) -> str | None:
    """The argument of HELO or EHLO, or None: it goes into the log, and into SPF's questions, so it is bounded ASCII."""
    return argument if argument and len(argument) <= MAX_HELLO and argument.isascii() else None
