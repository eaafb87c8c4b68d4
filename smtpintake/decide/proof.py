"""How well the author of a mail is proved, before the thread is looked at: from the verdict, the envelope, the inbox.

Contract: pure. `Proof.FAILED` is a DMARC fail that the owner of the author's domain wants acted upon (p= other than
none), and nothing else: SPF fails for whatever was forwarded, and whoever forges takes a reverse-path of their own.
`Proof.ALIGNED` is SPF or a signature of the author's domain, or a witness for it. It proves the domain; whether that
tells its users apart is the domain's own affair. `Proof.KEY` is for `decide.threading` to give.
"""

from smtpintake.auth.results import ArcResult, AuthResult, AuthVerdict, RequestedPolicy
from smtpintake.decide.fields import within
from smtpintake.decide.policy import Inbox, Proof
from smtpintake.mail.address import Mailbox
from smtpintake.mail.envelope import Envelope


def proof(auth: AuthVerdict, inbox: Inbox, envelope: Envelope, author: Mailbox | None) -> Proof:
    """The proof for `author`; none where the mail has no single one."""
    if author is None:
        return Proof.NONE
    if auth.aligned or witness(auth, inbox, envelope, author):
        return Proof.ALIGNED
    return Proof.FAILED if defies_policy(auth) else Proof.NONE


def defies_policy(auth: AuthVerdict) -> bool:
    """True where DMARC fails and the domain's owner asks that such mail be quarantined or rejected."""
    return auth.dmarc.result is AuthResult.FAIL and auth.dmarc.policy in (
        RequestedPolicy.QUARANTINE,
        RequestedPolicy.REJECT,
    )


def witness(auth: AuthVerdict, inbox: Inbox, envelope: Envelope, author: Mailbox | None) -> str:
    """Who vouches for the author where SPF and DKIM cannot, for the log: a login or a sealer; or an empty string."""
    login = envelope.login
    if login is not None and author is not None and login.may_send_as(author):
        return f"logged in as {login.name}"
    if author is not None and is_trusted(auth, inbox) and saw_dmarc_pass(auth.arc, author):
        return f"ARC: {auth.arc.sealer} saw dmarc=pass"
    return ""


def is_trusted(auth: AuthVerdict, inbox: Inbox) -> bool:
    """True where the newest seal is of a sealer whom the admin trusts: a chain alone proves nothing (RFC 8617)."""
    return any(within(auth.arc.sealer, entry) for entry in inbox.trusted_sealers)


def saw_dmarc_pass(arc: ArcResult, author: Mailbox) -> bool:
    """True where the newest sealer of a whole chain says dmarc=pass, of the author's domain where it names one."""
    said = dict(arc.claims)
    about = said.get("dmarc.header.from", author.folded_domain)
    return arc.result is AuthResult.PASS and said.get("dmarc") == AuthResult.PASS and about == author.folded_domain
