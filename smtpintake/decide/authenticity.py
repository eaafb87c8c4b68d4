"""What authentication says of a mail, for the trace, and what the inbox's policy makes of it.

Contract: pure. `observations` rule nothing. `obeyed_dmarc` does what the owner of the author's domain asks for (RFC
9989), `required` what the inbox asks for. A mail that is short of a pass because DNS was in trouble is deferred where
the lack would refuse or hold it, and let through where another identifier proves the author's domain. ARC can only ever
help: a broken chain is no worse than none (RFC 8617).
"""

from collections.abc import Callable, Iterator
from typing import Final

from smtpintake.auth.results import AuthResult, DmarcResult, RequestedPolicy
from smtpintake.decide.decision import Decision, Defer, Hold, Reject, Ruling, ruled
from smtpintake.decide.facts import Facts, Finding
from smtpintake.decide.policy import OnFail, Policy, Proof, Require
from smtpintake.decide.proof import is_trusted, witness
from smtpintake.mail.address import Mailbox
from smtpintake.mail.reason import Reason
from smtpintake.mail.reply import REFUSALS, ReplyClass

Shortfall = tuple[Reason, str]
"""Why a requirement is not met, and the evidence."""


def observations(facts: Facts) -> Iterator[Finding]:
    """A finding for each thing that was verified, and one for what they prove together."""
    auth, envelope = facts.auth, facts.envelope
    if envelope.relay is not None:
        yield Finding("relay", envelope.relay.told_by, f"{envelope.relay.ip} stands between the client and us")
    if envelope.login is not None:
        yield Finding("login", "author" if _logged_in(facts) else "somebody else", envelope.login.name)
    yield Finding("spf", auth.spf.result, _joined(auth.spf.domain, auth.spf.detail))
    yield Finding("helo", auth.helo.result, _joined(auth.helo.domain, auth.helo.detail))
    for signature in auth.dkim:
        name = f"{signature.domain} {signature.selector} {signature.algorithm}".strip()
        yield Finding("dkim", signature.result, _joined(name, signature.detail))
    if not auth.dkim:
        yield Finding("dkim", AuthResult.NONE, "no signature")
    yield Finding("dmarc", auth.dmarc.result, _joined(_published(auth.dmarc), auth.dmarc.detail))
    trusted = f"sealed by {auth.arc.sealer}, {'trusted' if is_trusted(auth, facts.inbox) else 'not trusted'} here"
    yield Finding("arc", auth.arc.result, _joined(trusted if auth.arc.sealer else "", auth.arc.detail))
    yield Finding("proof", facts.proof, _proved_by(facts))


def obeyed_dmarc(facts: Facts, _: Policy) -> Finding | Ruling:
    """A mail that fails DMARC is refused or held as its domain's owner asks, unless somebody else vouches for it."""
    dmarc = facts.auth.dmarc
    asked = f"{dmarc.domain} publishes p={dmarc.policy}"
    if dmarc.policy not in _OWNERS_WISH or dmarc.aligned or dmarc.result is AuthResult.PASS:
        return Finding("obey_dmarc", "nothing to do")
    if not facts.inbox.obey_dmarc:
        return Finding("obey_dmarc", "no", f"{asked}; inbox {facts.inbox.name} does not obey")
    if who := _vouched(facts):
        return Finding("obey_dmarc", "overridden", f"{asked}; {who}")
    if trouble := _trouble(facts):
        return ruled("obey_dmarc", "defer", Defer(Reason.AUTH_TEMPERROR), f"{asked}; {trouble}")
    if dmarc.policy is RequestedPolicy.QUARANTINE and facts.inbox.on_fail is OnFail.REJECT and _shortfall(facts):
        return Finding("obey_dmarc", "stricter", f"{asked}; inbox {facts.inbox.name} refuses it")
    return ruled("obey_dmarc", dmarc.policy, _OWNERS_WISH[dmarc.policy], asked)


def required(facts: Facts, _: Policy) -> Finding | Ruling:
    """The proof that the inbox requires is there, or its `on_fail` says what becomes of the mail."""
    require, on_fail = facts.inbox.require, facts.inbox.on_fail
    short = _shortfall(facts)
    if short is None:
        return Finding("require", "met", require)
    reason, evidence = short
    if on_fail is OnFail.MARK:
        return Finding("require", "mark", f"{require}; {reason}: {evidence}")
    decision, result = _refusal(reason, on_fail)
    return ruled("require", result, decision, f"{require}; {evidence}")


def unproved(facts: Facts) -> Decision:
    """What becomes of mail that something counts for only with proof, and that has none."""
    return Defer(Reason.AUTH_TEMPERROR) if _trouble(facts) else Reject(Reason.SENDER_UNPROVED)


# ---- what each requirement is short of -----------------------------------------------------------------------------


def _shortfall(facts: Facts) -> Shortfall | None:
    """A login stands for everything: who submits comes from anywhere, and signs nothing. What a trusted sealer saw
    stands for alignment and for DMARC; it makes no SPF and no signature pass.
    """
    require = facts.inbox.require
    if _logged_in(facts) or (require in (Require.ALIGNED, Require.DMARC) and _vouched(facts)):
        return None
    return _SHORT_OF[require](facts)


def _nothing(_: Facts) -> Shortfall | None:
    return None


def _short_of_spf(facts: Facts) -> Shortfall | None:
    """RFC 7372 s3.2. Whose SPF it is doesn't matter here; `aligned` is for that."""
    spf = facts.auth.spf
    evidence = f"spf={spf.result} of {spf.domain or 'nobody'}"
    match spf.result:
        case AuthResult.PASS:
            return None
        case AuthResult.TEMPERROR:
            return None if facts.proof is Proof.ALIGNED else (Reason.SPF_TEMPERROR, evidence)
        case AuthResult.PERMERROR:
            return Reason.SPF_PERMERROR, evidence
        case _:
            return Reason.SPF_FAIL, evidence


def _short_of_dkim(facts: Facts) -> Shortfall | None:
    """RFC 7372 s3.1: no signature passes, none that does is acceptable, or none is of the author's domain."""
    if facts.auth.dmarc.aligned_dkim:
        return None
    results = {signature.result for signature in facts.auth.dkim}
    if AuthResult.TEMPERROR in results and facts.proof is Proof.ALIGNED:
        return None
    open_yet = facts.auth.dmarc.undecided and not results.isdisjoint((AuthResult.TEMPERROR, AuthResult.PASS))
    if open_yet and (trouble := _trouble(facts)):
        return Reason.AUTH_TEMPERROR, trouble
    if AuthResult.PASS in results:
        return Reason.DKIM_UNALIGNED, "no passing signature is of the author's domain"
    if AuthResult.POLICY in results:
        return Reason.DKIM_WEAK, "no passing signature is acceptable"
    return Reason.DKIM_NONE, "no signature passes"


def _short_of_alignment(facts: Facts) -> Shortfall | None:
    if facts.auth.aligned:
        return None
    if trouble := _trouble(facts):
        return Reason.AUTH_TEMPERROR, trouble
    return Reason.AUTH_UNALIGNED, "neither SPF nor a signature is of the author's domain"


def _short_of_dmarc(facts: Facts) -> Shortfall | None:
    dmarc = facts.auth.dmarc
    if dmarc.result is AuthResult.PASS or (dmarc.result is AuthResult.TEMPERROR and dmarc.aligned):
        return None
    if trouble := _trouble(facts):
        return Reason.AUTH_TEMPERROR, trouble
    return Reason.DMARC_MISSING, f"dmarc={dmarc.result} of {dmarc.domain or 'nobody'}"


_SHORT_OF: Final[dict[Require, Callable[[Facts], Shortfall | None]]] = {
    Require.NONE: _nothing,
    Require.SPF: _short_of_spf,
    Require.DKIM: _short_of_dkim,
    Require.ALIGNED: _short_of_alignment,
    Require.DMARC: _short_of_dmarc,
}
_OWNERS_WISH: Final[dict[RequestedPolicy, Decision]] = {
    RequestedPolicy.QUARANTINE: Hold(Reason.AUTH_DMARC),
    RequestedPolicy.REJECT: Reject(Reason.AUTH_DMARC),
}


# ---- what they share -----------------------------------------------------------------------------------------------


def _refusal(reason: Reason, on_fail: OnFail) -> tuple[Decision, str]:
    if REFUSALS[reason].reply_class is ReplyClass.TRANSIENT:
        return Defer(reason), "defer"
    return (Hold(reason), "hold") if on_fail is OnFail.HOLD else (Reject(reason), "reject")


def _trouble(facts: Facts) -> str:
    """What could not be looked up and might have proved the author; nothing where they are proved anyhow."""
    auth = facts.auth
    if facts.proof is Proof.ALIGNED:
        return ""
    if auth.dmarc.undecided:
        return auth.dmarc.detail or "trouble with DNS"
    if auth.arc.result is AuthResult.TEMPERROR and is_trusted(auth, facts.inbox):
        return f"arc=temperror of {auth.arc.sealer}"
    return ""


def _author(facts: Facts) -> Mailbox | None:
    author = facts.message.author
    return author.mailbox if author else None


def _logged_in(facts: Facts) -> bool:
    """True where the author wrote from an account that may use this From."""
    author, login = _author(facts), facts.envelope.login
    return author is not None and login is not None and login.may_send_as(author)


def _vouched(facts: Facts) -> str:
    return witness(facts.auth, facts.inbox, facts.envelope, _author(facts))


# ---- in words ------------------------------------------------------------------------------------------------------


def _proved_by(facts: Facts) -> str:
    """What the proof rests on."""
    dmarc = facts.auth.dmarc
    if dmarc.aligned:
        of_spf = (f"SPF of {dmarc.aligned_spf}",) if dmarc.aligned_spf else ()
        return ", ".join((*of_spf, *(f"DKIM of {domain}" for domain in dmarc.aligned_dkim)))
    if who := _vouched(facts):
        return who
    if facts.proof is Proof.FAILED:
        return f"{dmarc.domain} disowns it: DMARC fails under p={dmarc.policy}"
    return "neither SPF nor a signature is of the author's domain"


def _published(dmarc: DmarcResult) -> str:
    if not dmarc.published_at:
        return dmarc.domain
    return f"{dmarc.domain}, p={dmarc.policy} at {dmarc.published_at}"


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)
