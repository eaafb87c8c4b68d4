"""What a person is told of an issue: the words of others, and what changed, in one mail.

Contract: pure. Words go from the inbox's address with their author's name, as text and as the HTML that is safe to
show; nothing is quoted below them. Our mails about an issue stay together in every client: the same subject, and
References that begin with the mail that made the issue and an anchor that all of them share (RFC 5322 s3.6.4). What
cannot be delivered comes back to an address of this mail alone.
"""

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from smtpintake.compose import mime
from smtpintake.compose.autoreply import is_fit
from smtpintake.compose.mime import File
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.ownmail import boundary
from smtpintake.compose.render import Templates
from smtpintake.compose.replyaddress import anchor_id, bounce_key, loop_mark, message_id, reply_address, reply_key
from smtpintake.mail.address import Mailbox

COMMENT: Final = "comment"  # somebody's words, and what changed with them
NOTICE: Final = "notice"  # changes alone
_MAX_TITLE: Final = 200
_AUTOMATIC: Final = (("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All"))
_PERSONAL: Final = (("Auto-Submitted", "no"),)


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote: plain, and as HTML that is safe to show, where there is any; `internal` is for staff.
    Who does not work on the issue can call themselves what they like: `by_staff` is False, and staff see the `address`.
    With `lost` they are what is known of a mail that did not arrive.
    """

    author: str
    text: str
    html: str | None = None
    internal: bool = False
    by_staff: bool = True
    address: str = ""
    lost: "Lost | None" = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A mail of ours to `address` that did not arrive: it is `failed` where nobody took it from us, else `soft`, `hard`
    or `complaint`, as a report said later (`decide.scores`).
    """

    address: str
    how: str


@dataclass(frozen=True, slots=True)
class Change:
    """`what` is `status` or `assignment`; nobody is an empty text."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What `recipient` is told. `nonce` names the mail among all of the issue; `address` is the inbox's own.

    `root` is the Message-ID of the mail that made the issue, where there was one, and `previous` that of the last mail
    about it that went to or came from the recipient. `automatic` is False for what an agent writes to people, who are
    not to take it for a machine's. `returnable` is False for what must not come back: that another mail did. `link` is
    where the issue can be seen; `files` go along, and `left_out` names those that were too large. Without
    `subaddresses` neither reply nor bounce have a key. `late` where the recipient has had many mails about the
    issue, and hears in one of what happened since.
    """

    issue_key: str
    title: str
    recipient: Mailbox
    address: Mailbox
    inbox_name: str
    language: str
    words: tuple[Words, ...]
    changes: tuple[Change, ...]
    nonce: str
    now: datetime
    root: str | None = None
    previous: str | None = None
    automatic: bool = True
    returnable: bool = True
    separator: str = ""
    link: str = ""
    subaddresses: bool = True
    files: tuple[File, ...] = ()
    left_out: tuple[str, ...] = ()
    late: bool = False


def compose_notification(told: Notification, templates: Templates, secret: bytes) -> Outgoing:
    """The mail, ready for the outbox."""
    recipient, domain = told.recipient.folded, told.address.folded_domain
    inbox = f"{told.address.localpart}@{domain}"
    kind = COMMENT if told.words else NOTICE
    own_id = message_id(secret, told.issue_key, kind, told.nonce, domain)
    internal = any(each.internal for each in told.words)
    key = reply_key(secret, told.issue_key, recipient, internal=internal)
    bounces = bounce_key(secret, own_id, recipient)
    keyed, keyed_path = (reply_address(inbox, each) if told.subaddresses else None for each in (key, bounces))
    path = (keyed_path or inbox) if told.returnable else ""  # RFC 5321 s4.5.5: two full mailboxes end here
    rendered = templates.render(kind, told.language, _values(told, inbox))
    subject = mime.one_line(rendered.subject)
    references = _references(told, anchor_id(secret, told.issue_key, domain))
    fields = (
        ("From", mime.mailbox(_from_name(told), inbox)),
        ("To", f"{told.recipient.localpart}@{told.recipient.folded_domain}"),
        ("Reply-To", keyed or inbox),
        ("Subject", mime.unstructured(subject)),
        ("Date", format_datetime(told.now)),
        ("Message-ID", f"<{own_id}>"),
        ("In-Reply-To", references[-1]),
        ("References", " ".join(references)),
        *_leaving(told, keyed),
        # RFC 3834 s5: what a person wrote is not automatic, whoever carries it.
        *(_AUTOMATIC if told.automatic else _PERSONAL),
        ("X-Smtpintake-Loop", loop_mark(secret)),
        ("Content-Language", rendered.language),
    )
    return Outgoing(
        kind=kind,
        mail_from=path,
        rcpt_to=recipient,
        subject=subject,
        message_id=own_id,
        octets=mime.alternative(fields, rendered.text, rendered.html, boundary(own_id), told.files),
        reply_key=key if keyed else None,
        bounce_key=bounces if keyed_path and told.returnable else None,
        text=rendered.text,
        automatic=told.automatic,
        internal=internal,
        fault=str(rendered.fault or ""),
    )


def _leaving(told: Notification, keyed: str | None) -> tuple[mime.Field, ...]:
    """How to hear no more (RFC 2369 s3.2): by mail to their own key, with the subject that `decide.commands` knows. Not
    in what a person wrote: that is no list.
    """
    if keyed is None or not told.automatic:
        return ()
    return (("List-Unsubscribe", f"<mailto:{quote(keyed, safe='@+')}?subject=unsubscribe%20{told.issue_key}>"),)


def _references(told: Notification, anchor: str) -> tuple[str, ...]:
    known = (told.root, anchor, told.previous)
    return tuple(f"<{each}>" for each in dict.fromkeys(known) if each and is_fit(each))


def _from_name(told: Notification) -> str:
    """`Ana Ruiz (Customer support)`, where the words are those of one person; `Cara Roe (via Customer support)` where
    they don't work there, whatever they call themselves.
    """
    authors = {(each.author, each.by_staff) for each in told.words}
    author, by_staff = authors.pop() if len(authors) == 1 else ("", True)
    if not by_staff:
        return f"{author} (via {told.inbox_name})".strip()
    return told.inbox_name if author in ("", told.inbox_name) else f"{author} ({told.inbox_name})"


def _values(told: Notification, inbox: str) -> dict[str, object]:
    return {
        "issue_key": told.issue_key,
        "link": told.link,
        "left_out": told.left_out,
        "late": "yes" if told.late else "",
        "title": mime.one_line(told.title)[:_MAX_TITLE],
        "inbox_name": mime.one_line(told.inbox_name),
        "inbox_address": inbox,
        "separator": told.separator,
        "changes": [{"what": each.what, "before": each.before, "after": each.after} for each in told.changes],
        "words": [
            {
                "author": mime.one_line(f"{each.author} <{each.address}>" if each.address else each.author),
                "address": each.address,
                "text": each.text,
                "html": _html(each),
                "internal": "yes" if each.internal else "",
                "lost": each.lost.how if each.lost else "",
                "lost_to": each.lost.address if each.lost else "",
            }
            for each in told.words
        ],
    }


def _html(words: Words) -> Markup:
    """What is stored was made safe when it came (`convert.safehtml`); a mere text is escaped here."""
    if words.html:
        return Markup(words.html)  # noqa: S704
    return Markup(f'<div style="white-space: pre-line">{escape(words.text)}</div>')  # noqa: S704
