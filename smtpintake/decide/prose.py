"""A trace as a person would say it: each finding a sentence with its evidence, and one that says what decided.

Contract: pure and total. A check that has no sentence here is told by its name, so a trace of an older or a newer
version can be read as well. Evidence is text from outside: it stands in the sentences as it stands in the trace, and
whoever prints it takes care of the terminal.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from smtpintake.decide.facts import Finding

# What is added to a trace after the check that decided.
_AFTERWARDS: Final = frozenset(
    ("recipients", "pair", "auto_reply", "commands", "answer", "forward", "quotation", "watch")
)

_OUTCOMES: Final = {
    "created": "became a new issue",
    "commented": "was added to an issue",
    "held": "is held for an operator",
    "discarded": "was set aside",
    "rejected": "was refused",
    "deferred": "was put off: its sender may try again",
    "duplicate": "had been delivered before",
}
_WOULD: Final = {
    "created": "become a new issue",
    "commented": "be added to an issue",
    "held": "be held for an operator",
    "discarded": "be set aside",
    "rejected": "be refused",
    "deferred": "be put off",
    "duplicate": "count as delivered before",
}

_WAIVED: Final = "An operator has overruled {check}, {detail}."

# By check and result; "*" is any other result. `{result}` and `{detail}` are the finding's.
_SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "budget": {"silent": "No mail by itself goes there for a while: {detail}."},
    "session": {"*": "It was refused within the session, {result}: {detail}."},
    "analysis": {
        "killed": "It could not be read in time: {detail}.",
        "fault": "It could not be read, by a fault of ours: {detail}.",
    },
    "record": {"fault": "It could not be recorded, by a fault of ours: {detail}."},
    "route": {
        "exact": "The recipient is an address of the inbox: {detail}.",
        "subaddress": "The recipient without its subaddress is an address of the inbox: {detail}.",
        "catch-all": "The recipient belongs to the inbox that takes the rest of its domain: {detail}.",
        "*": "No inbox takes the recipient, {result}: {detail}.",
    },
    "origin": {
        "human": "A person wrote it; {detail}.",
        "list": "It came through a mailing list; {detail}.",
        "auto-reply": "It is an automatic answer; {detail}.",
        "auto-generated": "A machine wrote it; {detail}.",
        "bounce": "It is a report of what became of a mail; {detail}.",
    },
    "dnsbl": {"*": "The client is on a block list, {detail}."},
    "defect": {"*": "Something about it is odd, {result}: {detail}."},
    "language": {"*": "The language of the issue is {result}: {detail}."},
    "content": {"*": "Its text has a note for the reader: {detail}."},
    "relay": {
        "none": "The relay {detail}, and does not tell who the client is.",
        "*": "The relay {detail}; it told the client by {result}.",
    },
    "login": {
        "author": "The client logged in as {detail}, and may use this From.",
        "*": "The client logged in as {detail}, which may not use this From.",
    },
    "spf": {
        "pass": "SPF passes: the client may send for {detail}.",
        "fail": "SPF fails: the client may not send for {detail}.",
        "none": "SPF says nothing ({detail}).",
        "*": "SPF is {result} ({detail}).",
    },
    "helo": {"*": "SPF of the client's own name is {result} ({detail})."},
    "dkim": {
        "pass": "A DKIM signature holds: {detail}.",
        "none": "There is no DKIM signature to go by ({detail}).",
        "*": "A DKIM signature does not hold, {result}: {detail}.",
    },
    "dmarc": {
        "pass": "DMARC passes for {detail}.",
        "fail": "DMARC fails for {detail}.",
        "none": "DMARC says nothing ({detail}).",
        "*": "DMARC is {result} ({detail}).",
    },
    "arc": {
        "none": "No forwarder sealed it with ARC.",
        "pass": "Its ARC chain is whole: {detail}.",
        "*": "Its ARC chain is {result}: {detail}.",
    },
    "proof": {
        "failed": "So the author is disowned: {detail}.",
        "none": "So the author is not proved: {detail}.",
        "aligned": "So the author's domain is proved: {detail}.",
        "*": "So the author is proved, {result}: {detail}.",
    },
    "forwarded": {
        "author": "An agent passes it on, so the issue is of whoever wrote the mail inside: {detail}.",
        "*": "It passes another mail on, which does not count: {detail}.",
    },
    "delivery": {
        "first": "It had not been delivered before.",
        "duplicate": "It had been delivered before: {detail}.",
    },
    "message": {"readable": "It can be read: {detail}.", "refused": "It cannot be read safely: {detail}."},
    "loop": {"none": "It is not one of our own, come back.", "own": "It is one of our own, come back: {detail}."},
    "bounce": {
        "none": "It is no report on a mail of ours.",
        "unproved": "It is a report that proves nothing: {detail}.",
        "nothing to do": "It is a report of something that needs nothing done: {detail}.",
        "known": "It is a report of what is known: {detail}.",
        "soft": "It reports that a mail was not delivered: {detail}.",
        "hard": "It reports that there is no such mailbox: {detail}.",
        "complaint": "It is a complaint about a mail: {detail}.",
    },
    "author": {
        "one": "It has one author, {detail}.",
        "missing": "It has no author: there is no From.",
        "several": "It has several authors, and rights can be bound to one only: {detail}.",
        "invalid": "Its From holds no address.",
    },
    "ignored_senders": {
        "no match": "The author is not among the ignored senders.",
        "match": "The author is an ignored sender, by {detail}.",
    },
    "denied_senders": {
        "no match": "The author is not among the denied senders.",
        "match": "The author is a denied sender, by {detail}.",
    },
    "obey_dmarc": {
        "nothing to do": "The owner of the author's domain asks for nothing.",
        "no": "What the owner of the author's domain asks for is not heeded: {detail}.",
        "overridden": "Somebody vouches for the author against their domain's policy: {detail}.",
        "stricter": "The inbox is stricter than the author's domain: {detail}.",
        "defer": "The author's domain asks for it, but DNS was in trouble: {detail}.",
        "reject": "The owner of the author's domain asks that such mail be refused: {detail}.",
        "quarantine": "The owner of the author's domain asks that such mail be kept apart: {detail}.",
    },
    "require": {
        "met": "The proof that the inbox requires is there.",
        "mark": "The proof that the inbox requires is missing, and it takes the mail all the same: {detail}.",
        "hold": "The proof that the inbox requires is missing, and it holds such mail: {detail}.",
        "reject": "The proof that the inbox requires is missing, and it refuses such mail: {detail}.",
        "defer": "Whether the proof that the inbox requires is there could not be found out: {detail}.",
    },
    "allowed_domains": {
        "any": "The inbox takes mail from any domain.",
        "match": "The author's domain is allowed: {detail}.",
        "unproved": "The author's domain is allowed, but not with so little proof: {detail}.",
        "no match": "The author's domain is not allowed: {detail}.",
    },
    "sender": {
        "known": "The author is known: {detail}.",
        "by mail": "The author is known by mail alone: {detail}.",
        "unknown": "Nobody is known by the author's address.",
        "inactive": "The author may not write any more: {detail}.",
    },
    "clamd": {
        "clean": "clamd found nothing.",
        "virus": "clamd found a virus, {detail}.",
        "oversize": "It is too large for clamd: {detail}.",
        "failed": "clamd could not look at it: {detail}.",
    },
    "rspamd": {
        "clean": "rspamd has nothing against it: {detail}.",
        "spam": "rspamd takes it for spam: {detail}.",
        "suspect": "rspamd suspects that it is spam: {detail}.",
        "later": "rspamd would have it later: {detail}.",
        "oversize": "It is too large for rspamd: {detail}.",
        "failed": "rspamd could not look at it: {detail}.",
    },
    "scan": {
        "none": "No scanner was asked.",
        "clean": "The scanners found nothing.",
        "mark": "What the scanners say costs it nothing in this inbox: {detail}.",
    },
    "scan.virus": {
        "reject": "The inbox refuses mail with a virus: {detail}.",
        "hold": "The inbox holds mail with a virus: {detail}.",
    },
    "scan.spam": {
        "reject": "The inbox refuses spam: {detail}.",
        "hold": "The inbox holds spam: {detail}.",
    },
    "scan.suspect": {
        "reject": "The inbox refuses what may be spam: {detail}.",
        "hold": "The inbox holds what may be spam: {detail}.",
    },
    "scan.later": {"defer": "The sender is asked to come again: {detail}."},
    "scan.oversize": {
        "reject": "The inbox refuses what is too large to be scanned: {detail}.",
        "hold": "The inbox holds what is too large to be scanned: {detail}.",
    },
    "scan.failed": {"defer": "The inbox takes nothing that could not be scanned: {detail}."},
    "attachments": {
        "wanted": "The inbox takes its attachments: {detail}.",
        "reject": "The inbox refuses mail with such attachments: {detail}.",
        "hold": "The inbox holds mail with such attachments: {detail}.",
        "dropped": "The inbox takes it without some attachments: {detail}.",
        "not saved": "Its attachments are kept in the raw mail alone: {detail}.",
    },
    "thread": {
        "none": "It belongs to no existing issue: there is {detail}.",
        "set aside": "It is to be an issue of its own: {detail}.",
    },
    "thread.key": {
        "match": "Its reply address leads to {detail}.",
        "mention": "Its reply address leads to an issue that it may not be added to, {detail}.",
    },
    "thread.reference": {
        "match": "It answers a mail of {detail}.",
        "mention": "It answers a mail of an issue that it may not be added to, {detail}.",
    },
    "thread.token": {
        "match": "Its subject names {detail}.",
        "mention": "Its subject names an issue that it may not be added to, {detail}.",
    },
    "decision": {
        "comment": "So it is a comment {detail}.",
        "create": "So it becomes an issue of its own: {detail}.",
        "discard": "So it is set aside: it is {detail}.",
    },
    "unknown_senders": {
        "hold": "The inbox holds mail of unknown senders: {detail}.",
        "reject": "The inbox refuses mail of unknown senders: {detail}.",
    },
    "unmatched": {
        "create": "The inbox makes a new issue of it: {detail}.",
        "reject": "The inbox refuses mail that belongs to no issue: {detail}.",
        "hold": "The inbox holds mail that belongs to no issue: {detail}.",
        "discard": "The inbox sets mail aside that belongs to no issue: {detail}.",
    },
    "recipients": {"mixed": "It was not sent back for this inbox alone: {detail}."},
    "max_size": {
        "within": "It is not too large for the inbox: {detail}.",
        "exceeded": "It is too large for the inbox: {detail}.",
    },
    "denied_domains": {
        "no match": "The author's domain is not among the denied ones.",
        "match": "The author's domain is denied, by {detail}.",
    },
    "closed": {
        "reopen": "The issue was closed, and is opened again: {detail}.",
        "reject": "The issue is closed, and the inbox refuses replies to such: {detail}.",
        "*": "The issue is closed, which makes of a reply: {result}; {detail}.",
    },
    "import_as": {"*": "It comes in as the mail of {detail}."},
    "unentitled": {"*": "The author has {detail}, and the mail is held."},
    "map_senders": {"*": "The inbox says for whom the author counts: {detail}."},
    "fields": {"*": "A field is {result}: {detail}."},
    "field_mapping": {
        "set": "A part of the mail fills a field: {detail}.",
        "default stays": "A part of the mail might fill a field, but its default stays: {detail}.",
        "ignored": "A part of the mail does not fill a field: {detail}.",
    },
    "organisation": {"*": "It counts for the organisation {result}: {detail}."},
    "quotation": {"*": "What it quotes is {result}: {detail}."},
    "forward": {"queued": "It is sent on {detail}.", "none": "It is not sent on: {detail}."},
    "rule": {
        "none": "No rule holds for it, {detail}.",
        "match": "A rule holds for it, {detail}.",
        "stop": "A rule holds for it, and no further one is asked, {detail}.",
        "hold": "A rule holds it, {detail}.",
        "discard": "A rule sets it aside, {detail}.",
        "reject": "A rule refuses it, {detail}.",
    },
    "release": {
        "by an operator": "An operator released it: {detail}.",
        "by itself": "It was released by itself: {detail}.",
    },
    "commands": {
        "obeyed": "Its commands are obeyed: {detail}.",
        "refused": "A command is not obeyed, {detail}.",
        "text": "Its commands are text: {detail}.",
    },
    "internal": {
        "hold": "It is meant to be an internal comment and would be a public one, so it is held: {detail}.",
        "kept": "It answers what was internal, and so is internal too: {detail}.",
    },
    "watch": {"back": "Its author hears of the issue again: {detail}."},
    "held": {"*": "An operator has decided, {result}: {detail}."},
    "pair": {"one": "Its inboxes share one issue: {detail}."},
    "auto_reply": {
        "queued": "The author is answered: {detail}.",
        "none": "The author is not answered: {detail}.",
    },
}


def sentences(findings: Sequence[Finding]) -> tuple[str, ...]:
    """One for each finding, in order."""
    return tuple(map(_sentence, findings))


def deciding(findings: Sequence[Finding]) -> Finding:
    """The finding that settled the mail: the last one, but for what is found afterwards."""
    if not findings:
        return Finding("trace", "none")
    return next((one for one in reversed(findings) if one.check not in _AFTERWARDS), findings[-1])


def conclusion(
    findings: Sequence[Finding], outcome: str, reason: str, policy_version: int, *, happened: bool = True
) -> str:
    """What became of the mail, or would, and what decides it: the check, which has the name of its setting, and the
    policy.
    """
    decided = deciding(findings)
    done = _OUTCOMES.get(outcome, f"was {outcome}") if happened else f"would {_WOULD.get(outcome, f'be {outcome}')}"
    return f"The mail {done} ({reason}). Decided by {decided.check}, under policy version {policy_version}."


def would(outcome: str, reason: str, issue: str | None = None) -> str:
    """`it would become a new issue (thread.new)`."""
    done = _WOULD.get(outcome, f"be {outcome}")
    if issue is not None:
        done = done.replace("an issue", issue)
    return f"it would {done} ({reason})"


def _sentence(finding: Finding) -> str:
    by_result = _SENTENCES.get(finding.check, {})
    template = _WAIVED if finding.result == "waived" else by_result.get(finding.result) or by_result.get("*")
    if template is None:
        said = f"{finding.check}: {finding.result}" if finding.result else finding.check
        return f"{said} ({finding.detail})." if finding.detail else f"{said}."
    # One pass: a brace in the evidence is evidence.
    sentence = template.format(check=finding.check, result=finding.result, detail=finding.detail)
    return sentence if finding.detail else sentence.replace(" ()", "").replace(": .", ".").replace("; .", ".")
