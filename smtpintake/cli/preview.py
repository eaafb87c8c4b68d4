"""`preview`: a mail of ours about an issue, as it would be written now. Nothing is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Final

import click
from sqlalchemy import select
from sqlmodel import Session, col

from smtpintake.cli.display import one_line, print_text
from smtpintake.cli.program import Program, pass_program
from smtpintake.compose import autoreply, digest, forward, notification
from smtpintake.compose.kinds import SAMPLES
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import Templates
from smtpintake.decide.policy import Inbox, Policy, Proof
from smtpintake.mail.address import AddressError, Mailbox
from smtpintake.mail.parse import read
from smtpintake.outbox.digester import UndeliverableError
from smtpintake.outbox.letters import address_of, inbox_of
from smtpintake.parts.outbox import reporter
from smtpintake.store.audience import About, about
from smtpintake.store.directory import load_policy
from smtpintake.store.peopleview import person_view
from smtpintake.store.schema import Comment
from smtpintake.store.tracker import find_issue
from smtpintake.wiring import load_secret, load_templates

_NONCE: Final = "preview"


@dataclass(frozen=True, slots=True)
class _Case:
    """What every kind of mail about an issue is made of."""

    issue: About
    status: str
    proof: Proof
    policy: Policy
    inbox: Inbox
    address: Mailbox
    recipient: Mailbox
    language: str
    separator: str
    link: str
    now: datetime

    @property
    def inbox_name(self) -> str:
        return self.policy.projects[self.inbox.project].name


@click.command()
@click.argument("kind", type=click.Choice(tuple(SAMPLES)))
@click.option("--issue", "key", metavar="KEY", help="The issue that the mail is about; a digest is about none.")
@click.option(
    "--to",
    "recipient",
    metavar="ADDRESS",
    help="Whom it is for.  [default: the issue's reporter, or who has the digest]",
)
@click.option("--language", metavar="TAG", help="Such as de.  [default: the recipient's, or the issue's]")
@click.option("--html", is_flag=True, help="The HTML in place of the text.")
@pass_program
def preview(
    program: Program, *, kind: str, key: str | None, recipient: str | None, language: str | None, html: bool
) -> None:
    """Print a mail of ours about an issue, as it would be written now; nothing is sent.

    What a mail is about that the issue doesn't have, such as commands that were not carried out, is made up.
    """
    settings = program.settings
    templates = load_templates(settings.templates.folder)
    if kind == digest.KIND:
        _show(_digest(program, templates, recipient, language), html=html)
        return
    if key is None:
        raise click.UsageError("name the issue that the mail is about: --issue KEY")
    with program.database() as database, database.session() as session:
        case = _case(session, key, recipient, language)
    separator = templates.separator(case.language, case.inbox.separators)
    link = f"{settings.web.public_url}/issues/{case.issue.key}" if settings.web.public_url else ""
    compose = _KINDS[kind]
    mail = compose(replace(case, separator=separator, link=link), templates, load_secret(settings.web.secret_file))
    _show(mail, html=html)


def _digest(program: Program, templates: Templates, to: str | None, language: str | None) -> Outgoing:
    """The last one that was due, whether it was sent or not."""
    settings = program.settings
    recipient = _mailbox(to or next(iter(settings.digest.to), ""))
    writes = reporter(settings, templates, load_secret(settings.web.secret_file))
    writes = replace(writes, to=(str(recipient),), language=language or "")
    with program.database() as database, database.session() as session:
        try:
            mails = writes.mails(session.connection(), load_policy(session), datetime.now(UTC))
        except UndeliverableError as error:
            raise click.ClickException(str(error)) from error
    return mails[0]


def _case(session: Session, key: str, to: str | None, language: str | None) -> _Case:
    row = find_issue(session, key)
    if row is None or row.id is None:
        raise click.ClickException(f"there is no issue {key}")
    policy = load_policy(session)
    public = select(col(Comment.id)).where(col(Comment.issue_id) == row.id, ~col(Comment.internal))
    newest = session.scalars(public.order_by(col(Comment.id).desc()).limit(1)).all()
    issue = about(session.connection(), row.id, [each for each in newest if each is not None])
    inbox = inbox_of(policy, issue)
    if inbox is None or (address := address_of(inbox, issue)) is None:
        raise click.ClickException(f"{issue.project} has no inbox that mail could come from")
    recipient = _mailbox(to or row.reporter_address)
    person = person_view(session, recipient.folded)
    return _Case(
        issue,
        row.status,
        Proof(row.proof),
        policy,
        inbox,
        address,
        recipient,
        language or (person["language"] if person else "") or issue.language,
        separator="",
        link="",
        now=datetime.now(UTC),
    )


def _mailbox(text: str) -> Mailbox:
    try:
        return Mailbox.parse(text)
    except AddressError as error:
        raise click.ClickException(f"{text!r} is no address: {error}; name one with --to") from error


# ---- each kind -----------------------------------------------------------------------------------------------------


def _autoreply(case: _Case, templates: Templates, secret: bytes, kind: str = autoreply.KIND) -> Outgoing:
    issue = case.issue
    answered = f"Message-ID: <{issue.root}>\r\n\r\n" if issue.root else "\r\n"
    hours = case.inbox.auto_reply.office_hours
    reply = autoreply.AutoReply(
        issue_key=issue.key,
        author=case.recipient,
        address=case.address,
        inbox_name=case.inbox_name,
        language=case.language,
        separator=case.separator,
        message=read(answered.encode()),
        nonce=_NONCE,
        now=case.now,
        title=issue.title if case.proof.rank >= Proof.ALIGNED.rank else "",
        kind=kind,
        details="" if hours.is_open(case.now) else hours.text,
        link=case.link,
    )
    if kind == autoreply.REPORT:
        reply = replace(reply, details=str(SAMPLES[kind]["details"]))
    return autoreply.compose_autoreply(reply, templates, secret)


def _commands(case: _Case, templates: Templates, secret: bytes) -> Outgoing:
    return _autoreply(case, templates, secret, autoreply.REPORT)


def _comment(case: _Case, templates: Templates, secret: bytes) -> Outgoing:
    """The last comment, or what the issue says itself."""
    said = next(iter(case.issue.comments.values()), case.issue.said)
    return _notification(case, templates, secret, words=(notification.Words(said.author_name, said.text, said.html),))


def _notice(case: _Case, templates: Templates, secret: bytes) -> Outgoing:
    project = case.policy.projects[case.inbox.project]
    before = next((each for each in project.statuses if each != case.status), case.status)
    change = notification.Change("status", before, case.status)
    return _notification(case, templates, secret, changes=(change,))


def _notification(
    case: _Case,
    templates: Templates,
    secret: bytes,
    words: tuple[notification.Words, ...] = (),
    changes: tuple[notification.Change, ...] = (),
) -> Outgoing:
    told = notification.Notification(
        issue_key=case.issue.key,
        title=case.issue.title,
        recipient=case.recipient,
        address=case.address,
        inbox_name=case.inbox_name,
        language=case.language,
        words=words,
        changes=changes,
        nonce=_NONCE,
        now=case.now,
        root=case.issue.root,
        automatic=not words,
        separator=case.separator,
        link=case.link,
    )
    return notification.compose_notification(told, templates, secret)


def _forward(case: _Case, templates: Templates, secret: bytes) -> Outgoing:
    sent_on = forward.Forward(
        recipient=case.recipient,
        address=case.address,
        inbox_name=case.inbox_name,
        language=case.language,
        title=case.issue.title,
        author=case.issue.said.author_name,
        issue_key=case.issue.key,
        log_id=_NONCE,
        number=1,
        original=b"",
        now=case.now,
    )
    return forward.compose_forward(sent_on, templates, secret)


_KINDS: Final[Mapping[str, Callable[[_Case, Templates, bytes], Outgoing]]] = {
    autoreply.KIND: _autoreply,
    autoreply.REPORT: _commands,
    notification.COMMENT: _comment,
    notification.NOTICE: _notice,
    forward.KIND: _forward,
}


def _show(mail: Outgoing, *, html: bool) -> None:
    if mail.fault:
        click.echo(f"smtpintake: warning: {mail.fault}; the built-in templates were used", err=True)
    message = message_from_bytes(mail.octets, policy=default)
    for name, value in message.items():
        click.echo(f"{name}: {one_line(value)}")
    body = message.get_body(("html",) if html else ("plain",))
    assert body is not None, "every mail of ours has both"
    click.echo()
    print_text(body.get_content())
