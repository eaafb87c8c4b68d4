"""Who speaks: a person, a person through a list, or a machine.

Contract: total. Read from the header, most telling sign first. The envelope is asked only where nothing but the name of
the author and the words of the subject tell a bounce: those a person may have as well. RFC 3834 s5 (Auto-Submitted),
RFC 3464 (delivery reports), RFC 2919 and RFC 2369 (lists), and the fields that were used before there was a standard.
"""

import re
from collections.abc import Mapping
from typing import Final

from smtpintake.mail.message import Origin

# With a domain; or alone, as qmail and Sendmail write it on their own host.
_DAEMON: Final = re.compile(r"(?:^|<|\s)\"?mailer-daemon\"?@|^\s*<?mailer-daemon>?\s*(?:\(|$)", re.IGNORECASE)
_POSTMASTER: Final = re.compile(r"(?:^|<|\s)postmaster@", re.IGNORECASE)
# What Exchange and Domino call a report that is none by its Content-Type; only ever asked of a postmaster's mail, and
# only where that has no reverse-path (RFC 5321 s4.5.5): a postmaster may be a person, whose delivery failed.
_FAILURE: Final = re.compile(
    r"\s*(?:undeliverable:|undelivered mail|delivery (?:status notification|failure)|delivery has failed"
    r"|mail delivery fail|message undeliverable|returned mail:|mail system error|failure notice|non[- ]?delivery"
    r"|unzustellbar:|non remis|no se puede entregar|onbestelbaar:|recapito non riuscito|não entregue|ej levererat)",
    re.IGNORECASE,
)
_REPORTS: Final = frozenset(("delivery-status", "feedback-report"))  # RFC 3464 s2, RFC 5965 s2
_REPORT_TYPE: Final = re.compile(r"report-type\s*=\s*\"?([\w-]+)", re.IGNORECASE)
# What absence notes of Exchange, Gmail and Domino begin with; only ever asked of mail that shows another sign, too.
_ABSENCE: Final = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[ -]?(?:reply|response)|autoreply|out of (?:the )?office|on vacation"
    r"|automatische antwort|abwesenheits?notiz|abwesend|réponse automatique|absence du bureau|risposta automatica"
    r"|fuori sede|respuesta automática|fuera de(?: la)? oficina|resposta automática|automatisch antwoord|afwezig"
    r"|autosvar|automatiskt svar|automatisk svar|automaattinen vastaus|automatyczna odpowiedź|automatická odpověď"
    r"|автоответ|自動応答|自動返信|自动答复|자동 회신)",
    re.IGNORECASE,
)
_ROBOT_FIELDS: Final = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-mail-autoreply")
_LIST_FIELDS: Final = ("list-id", "list-post", "mailing-list", "x-mailing-list", "x-google-group-id")

Fields = Mapping[str, str]  # the first value of each field, by name in lower case


def origin(fields: Fields, *, null_reverse_path: bool) -> Origin:
    """The origin of a mail with these header fields, which came with a null reverse-path or not."""
    report = _report_type(fields.get("content-type", ""))
    if _is_bounce(fields, report, null_reverse_path=null_reverse_path):
        return Origin.BOUNCE
    if report == "disposition-notification" or any(name in fields for name in _ROBOT_FIELDS):
        return Origin.AUTO_REPLY
    submitted = _auto_submitted(fields.get("auto-submitted", ""))
    if submitted is not None:
        absent = submitted is Origin.AUTO_GENERATED and _is_absence(fields)
        return Origin.AUTO_REPLY if absent else submitted
    precedence = fields.get("precedence", "").strip().lower()
    if precedence in ("auto_reply", "auto-reply") or (_shows_machine(fields) and _is_absence(fields)):
        return Origin.AUTO_REPLY
    if report is not None:
        return Origin.AUTO_GENERATED
    # A person may stand behind a list or its precedence (osTicket#2256): that alone is no machine.
    if precedence == "list" or any(name in fields for name in _LIST_FIELDS):
        return Origin.LIST
    return Origin.AUTO_GENERATED if precedence in ("bulk", "junk") else Origin.HUMAN


def _report_type(content_type: str) -> str | None:
    """The report-type of a multipart/report (RFC 6522 s3), '' where it has none, None for any other mail."""
    if not content_type.strip().lower().startswith("multipart/report"):
        return None
    match = _REPORT_TYPE.search(content_type)
    return match[1].lower() if match else ""


def _is_bounce(fields: Fields, report: str | None, *, null_reverse_path: bool) -> bool:
    author = fields.get("from", "")
    return (
        report in _REPORTS
        or "x-failed-recipients" in fields
        or _DAEMON.search(author) is not None
        or (
            null_reverse_path
            and _POSTMASTER.search(author) is not None
            and _FAILURE.match(fields.get("subject", "")) is not None
        )
    )


def _auto_submitted(value: str) -> Origin | None:
    """RFC 3834 s5: `no`, `auto-generated`, `auto-replied`, or another token; parameters and comments may follow."""
    token = re.split(r"[\s;(]", value.strip().lower(), maxsplit=1)[0]
    if token in ("", "no"):
        return None
    return Origin.AUTO_GENERATED if token in ("auto-generated", "auto-notified") else Origin.AUTO_REPLY


def _is_absence(fields: Fields) -> bool:
    return _ABSENCE.match(fields.get("subject", "")) is not None


def _shows_machine(fields: Fields) -> bool:
    return "x-auto-response-suppress" in fields or "x-ms-exchange-inbox-rules-loop" in fields
