"""`client_of`: which client a relay took a mail from, as the Received field that it wrote says (RFC 5321 s4.4).

Contract: pure, linear, bounded. The address is read only from where the relay puts what its socket told it, the
TCP-info; the name before it is the client's own claim, and may look like an address. A form that we don't know, and an
address that no mail exchanger on the internet has, are None: rather no client than a forged one.

    Postfix, Sendmail, Google, SES …   from CLAIM (name [192.0.2.1]) by …
    Exim                               from name ([192.0.2.1]:port helo=CLAIM) by … | from [192.0.2.1] (helo=CLAIM) by …
    CommuniGate                        from [192.0.2.1] (account x HELO CLAIM) by …
    Exchange, Microsoft 365            from CLAIM (192.0.2.1) by …
    qmail                              from name (HELO CLAIM) (ident@192.0.2.1) by … | from CLAIM (192.0.2.1) by …
"""

import ipaddress
import re
from typing import Final

from smtpintake.mail.envelope import Peer

_MAX_FIELD: Final = 2000  # characters; the TCP-info stands at the beginning
_MAX_CLAIM: Final = 255

# RFC 5321 s4.4: From-domain, and the comment behind it. What a claim may hold is the relay's business; every one of
# those above replaces or refuses white space and parentheses in it.
_FROM: Final = re.compile(r"from (?P<name>[^\s()]+) \((?P<comment>[^()]*)(?:\) \((?P<second>[^()]*)\))?", re.IGNORECASE)
_LITERAL: Final = r"\[(?:IPv6:)?(?P<ip>[0-9A-Fa-f.:]+)\]"
# Nothing that may begin a claim stands before the address here.
_IN_COMMENT: Final = re.compile(
    rf"(?:(?!(?:HELO|EHLO|LHLO) )[^\s\[\]=]+ )?{_LITERAL}(?::(?P<port>[0-9]{{1,5}}))?(?: (?P<more>.*))?", re.IGNORECASE
)
# No `=` before the address: `helo=a@192.0.2.1` is a claim.
_BARE: Final = re.compile(r"(?:[^\s\[\]=]*@)?(?P<ip>[0-9A-Fa-f.:]+)")
_AS_NAME: Final = re.compile(rf"{_LITERAL}(?::(?P<port>[0-9]{{1,5}}))?", re.IGNORECASE)
# What Exim writes behind an address, in this order (host_build_sender_fullhost); what CommuniGate and qmail write.
_EXIM: Final = re.compile(r"(?:port=(?P<port>[0-9]{1,5}) ?)?(?:helo=(?P<claim>\S+) ?)?(?:ident=\S+)?")
_HELO: Final = re.compile(r"(?:account \S+ )?HELO (?P<claim>\S+)")

_NOT_ON_THE_INTERNET: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
)


def client_of(received: str) -> tuple[Peer, str] | None:
    """The client and what it called itself at HELO (empty: not told) of a field body, folded or not; or None."""
    field = _FROM.match(" ".join(received[:_MAX_FIELD].split()))
    if field is None:
        return None
    name, comment = field["name"], field["comment"].strip()
    if told := _IN_COMMENT.fullmatch(comment):
        exim = _EXIM.match(told["more"] or "")
        return _client(told["ip"], told["port"], (exim and exim["claim"]) or name)
    said, second = _HELO.fullmatch(comment), _BARE.fullmatch((field["second"] or "").strip())
    if said and second:
        return _client(second["ip"], None, said["claim"])
    if told := _BARE.fullmatch(comment):
        return _client(told["ip"], None, name)
    if told := _AS_NAME.fullmatch(name):
        behind = _HELO.fullmatch(comment) or (_EXIM.fullmatch(comment) if comment else None)
        if behind is None:
            return None  # the claim of a client whose address the relay didn't write
        port = told["port"] or behind.groupdict().get("port")
        return _client(told["ip"], port, behind["claim"] or "")
    return None


def _client(ip: str, port: str | None, claim: str) -> tuple[Peer, str] | None:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped  # Courier, and servers whose one socket takes both
    if any(address in network for network in _NOT_ON_THE_INTERNET):
        return None
    number = int(port or 0)
    heard = claim if len(claim) <= _MAX_CLAIM and claim.isascii() and claim.isprintable() else ""
    return Peer(str(address), number if number < 65536 else 0), heard
