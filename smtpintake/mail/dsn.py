"""Delivery status notifications (RFC 3464): what the fields of message/delivery-status say of each recipient.

Contract: total; a field that cannot be understood says nothing. The first group is of the mail, each other one of a
recipient (s2.1); a group that names a recipient is one of those, wherever it stands.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from smtpintake.mail.report import MAX_DIAGNOSTIC, Action, Reported
from smtpintake.mail.reportparts import Group, folded

TYPES: Final = frozenset(("message/delivery-status", "message/global-delivery-status"))  # RFC 6533 s4

# RFC 3463 s2 to s3, and no part of an IP address.
_STATUS: Final = re.compile(r"(?<![\d.])[245]\.[0-7]\.\d{1,3}(?!\.?\d)", re.ASCII)
_CODE: Final = re.compile(r"(?<![\w.])[45][0-5]\d(?![\w.]\d|\w)", re.ASCII)  # of an SMTP reply (RFC 5321 s4.2.1)
_ENCODED: Final = re.compile(r"\+([0-9A-F]{2})|\\x\{([0-9A-Fa-f]{2,6})\}")
_TOLD: Final = frozenset((Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED, Action.EXPANDED))
_BY_CLASS: Final = {"2": Action.DELIVERED, "4": Action.DELAYED, "5": Action.FAILED}


def recipients(groups: Sequence[Group]) -> Iterator[Reported]:
    """What is said of each recipient that is named by an address of the Internet."""
    for group in groups:
        stated = [group[name] for name in ("final-recipient", "original-recipient") if name in group]
        if addresses := tuple(dict.fromkeys(address for value in stated for address in _addresses(value))):
            diagnostic = " ".join(after_type(group.get("diagnostic-code", "")).split())[:MAX_DIAGNOSTIC]
            status = status_in(group.get("status", ""), diagnostic)
            yield Reported(addresses, _action(group.get("action", ""), status), status, diagnostic)


def of_mail(groups: Sequence[Group], name: str) -> str:
    """A field of the mail as a whole (s2.2), or an empty string."""
    return next((group[name] for group in groups if name in group), "")


def after_type(value: str) -> str:
    """What stands after the type: `dns; mx.example`, `smtp; 550 no such user` (s2.1.2)."""
    _, typed, rest = value.partition(";")
    return (rest if typed else value).strip()


def status_in(stated: str, diagnostic: str) -> str:
    """The enhanced status code: the stated one, but one from `diagnostic` where that knows more than its class."""
    found = _STATUS.search(stated)
    if found and not found[0].endswith(".0.0"):
        return found[0]
    told = _STATUS.search(diagnostic)
    if told and (found is None or told[0][0] == found[0][0]):
        return told[0]
    if found:
        return found[0]
    code = _CODE.search(diagnostic)
    return f"{code[0][0]}.0.0" if code else ""


def _addresses(value: str) -> Iterator[str]:
    """The address of `rfc822; bob@example.com`, as it stands and decoded.

    Original-Recipient has the xtext of RCPT (RFC 3461 s4) undone by some servers and left by others.
    """
    text = after_type(value)
    for written in (text, _ENCODED.sub(_character, text)):
        if (address := folded(written)) is not None:
            yield address


def _character(match: re.Match[str]) -> str:
    number = int(match[1] or match[2], 16)  # xtext, or utf-8-addr-xtext (RFC 6533 s3)
    return chr(number) if number <= 0x10FFFF else "\ufffd"


def _action(value: str, status: str) -> Action:
    """RFC 3464 s2.3.3; where it is none of those, what the class of the status says."""
    token = value.strip().lower()
    stated = Action(token) if token in _TOLD else None
    return stated or _BY_CLASS.get(status[:1], Action.NOTED)
