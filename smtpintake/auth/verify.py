"""All of it for one message: the names to ask DNS for, and the `AuthVerdict` from what was answered.

Contract: pure and total. `questions` needs the header section only, so that DNS is asked while the body still arrives;
`verify` needs the whole message and reads nothing but `Evidence`. The author domain is that of the one author: a mail
with several, or none, has no domain that DMARC could speak for (RFC 9989 s4.4).
"""

from dataclasses import dataclass
from datetime import datetime

from smtpintake.auth import arc, dkim, dmarc
from smtpintake.auth.answers import Answer, by_name
from smtpintake.auth.canonical import BodyHashes
from smtpintake.auth.results import AuthVerdict, SpfResult
from smtpintake.mail.authors import authors
from smtpintake.mail.message import Author
from smtpintake.mail.prescan import Octets, Prescan


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found out while the message arrived: SPF of both identities, and what DNS said of every question.

    `now` is when the message was received, aware: signatures have a time in which they hold.
    """

    spf: SpfResult
    helo: SpfResult
    answers: tuple[Answer, ...]
    now: datetime


def questions(scan: Prescan, spf_domain: str) -> tuple[str, ...]:
    """The names whose TXT records `verify` will read, each once. `spf_domain` is what SPF may authenticate."""
    signatures = dkim.signatures(scan.fields)
    identifiers = [spf_domain, *(signature.domain for signature in signatures)]
    values = [field.value for field in scan.fields if field.name == b"from"]
    found, _ = authors(values) if len(values) == 1 else ((), ())
    author = found[0] if len(found) == 1 else None
    wanted = (
        *dkim.key_names(signatures),
        *arc.key_names(scan.fields),
        *dmarc.names(_domain(author), [identifier for identifier in identifiers if identifier]),
    )
    return tuple(dict.fromkeys(wanted))


def verify(raw: Octets, scan: Prescan, author: Author | None, evidence: Evidence) -> AuthVerdict:
    """The verdict on `raw`, whose header section is `scan`. `author` is its one author, if it has exactly one."""
    answers = by_name(evidence.answers)
    bodies = BodyHashes(raw, scan.body_offset)
    signatures = dkim.verify(raw, scan, answers, evidence.now, bodies)
    return AuthVerdict(
        evidence.spf,
        evidence.helo,
        signatures,
        dmarc.evaluate(_domain(author), evidence.spf, signatures, answers),
        arc.verify(raw, scan, answers, evidence.now, bodies),
    )


def _domain(author: Author | None) -> str:
    return author.mailbox.folded_domain if author else ""
