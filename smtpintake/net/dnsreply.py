"""What a reply says of a question, as an `Answer`, and how long it may be believed. No I/O.

Contract: any reply has an answer. An answer is bounded: of a TXT record longer than `MAX_TXT` nothing is kept, and
nothing of records that come to more than `MAX_RECORDS` in total; `detail` says so then. That is the owner's fault and
stays so: it is no TROUBLE. A chain of aliases (CNAME) that leaves the reply ends in `alias`, for the resolver to
follow.
"""

from dataclasses import dataclass
from typing import Final

from smtpintake.auth.answers import Answer, Found
from smtpintake.net.dnswire import MAX_ANSWERS, Message, Name, Rcode, RdType

MAX_TXT: Final = 4096  # characters of one record; a DKIM key of RSA-8192 has 1,400
MAX_RECORDS: Final = 32_768  # characters of an answer; domains with a hundred TXT records exist
MAX_ALIASES: Final = 8
MAX_TTL: Final = 86_400
# RFC 2308 s5: a negative answer lives three hours at most, and not long where no SOA says how long.
MAX_NEGATIVE_TTL: Final = 10_800
NEGATIVE_TTL_WITHOUT_SOA: Final = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """`ttl` in seconds. `alias` is the name to ask for in place of this one, where the reply ends in it."""

    answer: Answer
    ttl: int
    alias: Name | None = None


def read(name: str, rdtype: RdType, message: Message) -> Reply:
    """What `message` says of its question, whose code is NOERROR or NXDOMAIN; the answer is to `name`."""
    if message.is_cut:
        return _records(name, rdtype, (), f"more than {MAX_ANSWERS} records", MAX_TTL)
    owner, ttl, aliases = message.name, MAX_TTL, {r.owner: r for r in message.records if r.rdtype == RdType.CNAME}
    for _ in range(MAX_ALIASES + 1):
        found = [r for r in message.records if r.rdtype == rdtype and r.owner == owner]
        if found:
            records = tuple(record.data for record in found)
            return _records(name, rdtype, records, "", min(ttl, *(record.ttl for record in found)))
        if owner not in aliases:
            break
        alias = aliases[owner]
        owner, ttl = alias.target, min(ttl, alias.ttl)
    else:
        return Reply(Answer(name, rdtype.name, Found.TROUBLE, detail=f"more than {MAX_ALIASES} aliases"), 0)
    soa = NEGATIVE_TTL_WITHOUT_SOA if message.negative_ttl is None else message.negative_ttl
    ttl = min(ttl, soa, MAX_NEGATIVE_TTL)
    if message.rcode == Rcode.NXDOMAIN:
        # RFC 2308 s2.1: said of the last name of a chain. The alias exists, what it means does not.
        return Reply(Answer(name, rdtype.name, Found.NXDOMAIN), ttl)
    followed = owner if owner != message.name and message.negative_ttl is None else None
    return Reply(Answer(name, rdtype.name, Found.NODATA), ttl, followed)


def _records(name: str, rdtype: RdType, records: tuple[str, ...], detail: str, ttl: int) -> Reply:
    total = sum(map(len, records))
    if total > MAX_RECORDS:
        records, detail = (), f"{total} characters of records are more than {MAX_RECORDS}"
    elif rdtype == RdType.TXT and total > MAX_TXT and any(len(record) > MAX_TXT for record in records):
        records, detail = tuple(record for record in records if len(record) <= MAX_TXT), f"a record exceeds {MAX_TXT}"
    return Reply(Answer(name, rdtype.name, Found.RECORDS, records, detail), ttl)
