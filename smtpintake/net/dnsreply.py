"""What a DNS message says of a question, as an `Answer`, and how long it may be believed. No I/O.

Contract: any message has an answer. An answer is bounded: of a TXT record longer than `MAX_TXT` nothing is kept, and
nothing of records that come to more than `MAX_RECORDS` in total; `detail` says so then. That is the owner's fault and
stays so: it is no TROUBLE. A chain of aliases (CNAME) that leaves the message ends in `alias`, for the resolver to
follow.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.MX
import dns.rdtypes.ANY.PTR
import dns.rdtypes.ANY.TXT
from dns.rdata import Rdata

from smtpintake.auth.answers import Answer, Found

MAX_TXT: Final = 4096  # characters of one record; a DKIM key of RSA-8192 has 1,400
MAX_RECORDS: Final = 32_768  # characters of an answer; domains with a hundred TXT records exist
# RFC 2308 s5: a negative answer lives three hours at most. A day for records.
MAX_NEGATIVE_TTL: Final = 10_800
MAX_TTL: Final = 86_400


@dataclass(frozen=True, slots=True)
class Reply:
    """`ttl` in seconds. `alias` is the name to ask for in place of this one, where the answer ends in it."""

    answer: Answer
    ttl: int
    alias: dns.name.Name | None = None


def read(name: str, rdtype: str, message: dns.message.Message) -> Reply:
    """What `message` says; its code is NOERROR or NXDOMAIN, its question ours."""
    if not isinstance(message, dns.message.QueryMessage):
        return Reply(Answer(name, rdtype, Found.TROUBLE, detail="the reply is none to a query"), 0)
    try:
        chain = message.resolve_chaining()
    except dns.exception.DNSException as error:  # a loop of aliases, an answer for what does not exist
        return Reply(Answer(name, rdtype, Found.TROUBLE, detail=f"cannot be followed: {type(error).__name__}"), 0)
    if chain.answer is not None:
        records, detail = _bounded(rdtype, map(_text, chain.answer))
        return Reply(Answer(name, rdtype, Found.RECORDS, records, detail), min(chain.minimum_ttl, MAX_TTL))
    ttl = min(chain.minimum_ttl, MAX_NEGATIVE_TTL)
    if message.rcode() == dns.rcode.NXDOMAIN:
        # RFC 2308 s2.1: of the last name of a chain. The alias exists, what it means does not.
        return Reply(Answer(name, rdtype, Found.NXDOMAIN), ttl)
    followed = chain.canonical_name if chain.cnames and not message.authority else None
    return Reply(Answer(name, rdtype, Found.NODATA), ttl, followed)


def _bounded(rdtype: str, texts: Iterable[str]) -> tuple[tuple[str, ...], str]:
    records = tuple(texts)
    total = sum(map(len, records))
    if total > MAX_RECORDS:
        return (), f"{total} characters of records are more than {MAX_RECORDS}"
    if rdtype == "TXT" and any(len(record) > MAX_TXT for record in records):
        return tuple(record for record in records if len(record) <= MAX_TXT), f"a record is longer than {MAX_TXT}"
    return records, ""


def _text(data: Rdata) -> str:
    """As `Answer.records` has it."""
    match data:
        case dns.rdtypes.ANY.TXT.TXT():
            return b"".join(data.strings).decode("latin-1")
        case dns.rdtypes.ANY.MX.MX():
            return f"{data.preference} {folded(data.exchange)}"
        case dns.rdtypes.ANY.PTR.PTR():
            return folded(data.target)
        case _:
            return data.to_text()


def folded(name: dns.name.Name) -> str:
    """In lower case, without the last dot; the root is `.`."""
    return name.to_text(omit_final_dot=True).lower()
