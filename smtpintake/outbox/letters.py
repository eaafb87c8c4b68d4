"""What people are told of one issue: who hears of what, in whose words, and the mails.

Contract: reads, composes, and writes nothing. The events are one issue's, in order; each mail tells its recipient of
all of them that concern them. The note says who is told, and who is concerned and is not. Whoever works on the issue
and has used up their budget hears of it later, in one mail; others do not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection

from smtpintake.compose.budget import DEFAULT_BUDGET, Budget, Silence, Spent, why_no_notice
from smtpintake.compose.notification import Change, Lost, Notification, Words, compose_notification
from smtpintake.compose.outgoing import Outgoing
from smtpintake.compose.render import Templates
from smtpintake.decide.policy import Happening, Inbox, Notify, Policy
from smtpintake.decide.recipients import Audience, News, Person, Recipient, recipients
from smtpintake.mail.address import Mailbox
from smtpintake.outbox.enclosures import enclosed
from smtpintake.store.arrears import in_arrears
from smtpintake.store.audience import (
    About,
    FileRow,
    Said,
    Undelivered,
    about,
    files,
    last_mails,
    names,
    people,
    undelivered,
)
from smtpintake.store.blobs import Blobs
from smtpintake.store.events import Happened
from smtpintake.store.spent import spent_on

MAX_ENCLOSED: Final = 64 * 1024 * 1024  # octets of files, in all the mails about one issue that are composed at once

_CHANGES: Final = (Happening.STATUS, Happening.ASSIGNMENT)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, and of what it tells."""

    mail: Outgoing
    news: tuple[Happened, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What comes of some news: the mails, the note, the addresses that hear of it `later`, and the silences that begin
    with it, each with what happens instead.
    """

    letters: tuple[Letter, ...]
    note: str
    later: tuple[str, ...] = ()
    silences: tuple[tuple[Silence, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Writer:
    """Holds what one issue does not change. `secret` signs reply addresses and Message-IDs; `public_url` is where
    people see issues, or empty. Without `blobs` no files go along.
    """

    templates: Templates
    secret: bytes
    budget: Budget = DEFAULT_BUDGET
    public_url: str = ""
    blobs: Blobs | None = None

    def letters(
        self, connection: Connection, policy: Policy, news: Sequence[Happened], now: datetime, *, late: str = ""
    ) -> Told:
        """The mails about what happened to one issue; those to the address `late` alone, which hears of it only now,
        where one is given.
        """
        comments = [each.comment_id for each in news if each.comment_id is not None]
        issue = about(connection, news[0].issue_id, comments)
        inbox = inbox_of(policy, issue)
        if inbox is None:
            return Told((), f"nobody: {issue.project} has no inbox that mail could come from")
        project = policy.projects.get(issue.project)
        notify = project.notify if project is not None else Notify()
        everybody = people(connection, issue, policy, now)
        limits = _Limits() if late else self._limits(connection, issue, everybody, now)
        concerned = (each for each in everybody if not late or (each.works and each.address == late))
        lost = undelivered(connection, [int(each.before) for each in news if each.kind is Happening.UNDELIVERED])
        audience = recipients(
            [_as_news(each, issue, lost) for each in news],
            [replace(each, enough=limits.why(each)) for each in concerned],
            notify,
            assigned=issue.assignee_id is not None,
        )
        story = _Story(
            issue=issue,
            inbox=inbox,
            policy=policy,
            news=news,
            last_mails=last_mails(connection, issue.id),
            names=_names(connection, news),
            lost=lost,
            files=files(connection, issue.id, comments),
            file_limit=min(notify.max_attachments, MAX_ENCLOSED // max(len(audience.told), 1)),
            now=now,
            late=bool(late),
        )
        letters = tuple(self._letters(connection, story, audience.told))
        to = [f"to {letter.mail.rcpt_to}" for letter in letters]
        note = "; ".join((*to, *audience.left_out)) or "nobody is to hear of it"
        later = tuple(each.address for each in audience.enough if each.works)
        return Told(letters, note, later, tuple(limits.begun(audience)))

    def _completed(
        self, connection: Connection, told: Notification, story: "_Story", news: Sequence[Happened]
    ) -> Notification:
        """With what the installation adds, and the files that belong to what was said."""
        html = "".join(words.html or "" for words in told.words)
        enclosures = enclosed(connection, self.blobs, story.files_of(news), html, story.file_limit)
        return replace(
            told,
            separator=self.templates.separator(told.language, story.inbox.separators),
            link=f"{self.public_url}/issues/{told.issue_key}" if self.public_url else "",
            files=enclosures.files,
            left_out=enclosures.left_out,
        )

    def _limits(self, connection: Connection, issue: About, everybody: Sequence[Person], now: datetime) -> "_Limits":
        """Which of them have had enough of the issue."""
        spent = spent_on(connection, [person.address for person in everybody], self.budget, now)
        silences = {address: why_no_notice(self.budget, each, address, issue.id) for address, each in spent.items()}
        return _Limits(
            {address: silence for address, silence in silences.items() if silence is not None},
            spent,
            in_arrears(connection, issue.id, now),
            now + self.budget.window,
        )

    def _letters(self, connection: Connection, story: "_Story", chosen: Sequence[Recipient]) -> Iterator[Letter]:
        several = (apart for recipient in chosen for apart in story.apart(recipient))
        for number, recipient in enumerate(several, 1):
            news = tuple(story.news[position] for position in recipient.of)
            told = story.told_to(recipient.person, news, number)
            if told.words or told.changes:
                told = self._completed(connection, told, story, news)
                yield Letter(compose_notification(told, self.templates, self.secret), news)


@dataclass(frozen=True, slots=True)
class _Limits:
    """Who has had enough, by address: `silences` of budgets that are used up, `spent`, and who is in `arrears` already,
    until which moment. Whoever comes to be hears at the moment `later`.
    """

    silences: dict[str, Silence] = field(default_factory=dict)
    spent: dict[str, Spent] = field(default_factory=dict)
    arrears: dict[str, datetime] = field(default_factory=dict)
    later: datetime | None = None

    def why(self, person: Person) -> str:
        """Why nothing goes to somebody by itself, or an empty string."""
        if person.works and person.address in self.arrears:
            return f"hears of it in one mail, {_at(self.arrears[person.address])}"
        silence = self.silences.get(person.address)
        return "; ".join(filter(None, (silence.said, self._instead(person)))) if silence is not None else ""

    def begun(self, audience: Audience) -> Iterator[tuple[Silence, str]]:
        """The silences of which the log has no row yet, and what happens instead."""
        for person in audience.enough:
            silence = self.silences.get(person.address)
            if silence is None or (person.works and person.address in self.arrears):
                continue
            if person.works or silence.name not in self.spent[person.address].logged:
                yield silence, self._instead(person)

    def _instead(self, person: Person) -> str:
        return f"the rest goes in one mail, {_at(self.later)}" if person.works and self.later is not None else ""


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _as_news(happened: Happened, issue: About, lost: Mapping[int, Undelivered]) -> News:
    is_lost = happened.kind is Happening.UNDELIVERED
    mail = lost.get(int(happened.before)) if is_lost else None
    return News(
        happened.kind,
        happened.author_id,
        happened.author_address,
        by_staff=happened.by_staff,
        internal=is_lost or (happened.kind is Happening.COMMENT and issue.what_was_said(happened.comment_id).internal),
        copied=frozenset(happened.copied),
        sender_id=mail.sender_id if mail is not None else None,
    )


def inbox_of(policy: Policy, issue: About) -> Inbox | None:
    """The inbox that the issue came in by, or one of its project."""
    if issue.inbox in policy.inboxes and address_of(policy.inboxes[issue.inbox], issue) is not None:
        return policy.inboxes[issue.inbox]
    several = (inbox for inbox in policy.inboxes.values() if inbox.project == issue.project)
    return next((inbox for inbox in several if inbox.active and inbox.address), None)


def address_of(inbox: Inbox, issue: About) -> Mailbox | None:
    """The inbox's own address; where it is a catch-all only, the one that the issue's mail went to."""
    if inbox.address:
        return Mailbox.parse(inbox.address)
    return Mailbox.parse(issue.rcpt_to).split_subaddress()[0] if issue.rcpt_to else None


def _names(connection: Connection, news: Sequence[Happened]) -> dict[int, str]:
    """What those are called to whom the issue was assigned, and from whom it was taken."""
    changes = (each for each in news if each.kind is Happening.ASSIGNMENT)
    return names(connection, {int(who) for each in changes for who in (each.before, each.after) if who})


@dataclass(frozen=True, slots=True)
class _Story:
    """All that may be told of one issue. `last_mails` are by address, `names` of people and `lost` mails by id."""

    issue: About
    inbox: Inbox
    policy: Policy
    news: Sequence[Happened]
    last_mails: dict[str, str]
    names: dict[int, str]
    lost: Mapping[int, Undelivered]
    files: dict[int | None, list[FileRow]]
    file_limit: int
    now: datetime
    late: bool

    def apart(self, recipient: Recipient) -> Iterator[Recipient]:
        """The recipient of one mail, or of two where both internal and other words are news: what is answered to the
        one stays internal.
        """
        said = [position for position in recipient.of if self.news[position].kind not in _CHANGES]
        internal = tuple(position for position in said if self._said(self.news[position]).internal)
        if 0 < len(internal) < len(said):
            yield replace(recipient, of=tuple(position for position in recipient.of if position not in internal))
            yield replace(recipient, of=internal)
        else:
            yield recipient

    def _by_staff(self, happened: Happened) -> bool:
        """True where the words are of whoever works on the issue; what they pass on is another's."""
        said = self._said(happened)
        passed_on = happened.kind is Happening.CREATED and said.author_address != happened.author_address
        return happened.by_staff and not passed_on

    def _said(self, happened: Happened) -> Said:
        said = self.issue.what_was_said(happened.comment_id)
        # Our own note, whoever sent the report that it is about.
        return replace(said, author_address="", html=None) if happened.kind is Happening.UNDELIVERED else said

    def told_to(self, person: Person, news: Sequence[Happened], number: int) -> Notification:
        """What the `number`-th recipient is told."""
        issue, name = self.issue, self.policy.projects[self.inbox.project].name
        address = address_of(self.inbox, issue)
        assert address is not None, "an inbox without an address was not chosen"
        said = [each for each in news if each.kind not in _CHANGES]
        return Notification(
            issue_key=issue.key,
            title=issue.title,
            recipient=Mailbox.parse(person.address),
            address=address,
            inbox_name=name,
            language=person.language or issue.language,
            words=tuple(self._words(each, person, name) for each in said),
            changes=tuple(self._changes(news)),
            # Who hears of it late hears alone: the person tells their mail from what others had of the same news.
            nonce=f"{self.news[-1].id}-late{person.person_id}-{number}"
            if self.late
            else f"{self.news[-1].id}-{number}",
            now=self.now,
            root=issue.root,
            subaddresses=self.inbox.subaddresses,
            previous=self.last_mails.get(person.address),
            returnable=all(each.kind is not Happening.UNDELIVERED for each in news),
            automatic=person.works or not any(self._by_staff(each) for each in said),
            late=self.late,
        )

    def _words(self, happened: Happened, reader: Person, inbox_name: str) -> Words:
        """An operator speaks for the inbox: nobody knows the name of their account."""
        said, by_staff = self._said(happened), self._by_staff(happened)
        author = said.author_name if said.author_address else inbox_name
        address = said.author_address if reader.works and not by_staff else ""
        words = Words(author, said.text, said.html, said.internal, by_staff, address)
        mail = self.lost.get(int(happened.before)) if happened.kind is Happening.UNDELIVERED else None
        if mail is None:
            return words
        # Our note begins with a sentence, which the reader has in their language: the rest of it is what a host said.
        return replace(words, text=said.text.partition("\n\n")[2], lost=Lost(mail.address, mail.how))

    def files_of(self, news: Sequence[Happened]) -> list[FileRow]:
        """The attachments of what was said."""
        return [row for each in news if each.kind not in _CHANGES for row in self.files.get(each.comment_id, ())]

    def _changes(self, news: Sequence[Happened]) -> Iterator[Change]:
        """From what it was at first to what it is at last; nothing where that is the same."""
        for kind in _CHANGES:
            several = [each for each in news if each.kind is kind]
            if several and several[0].before != several[-1].after:
                yield Change(kind, self._named(kind, several[0].before), self._named(kind, several[-1].after))

    def _named(self, kind: Happening, value: str) -> str:
        return self.names.get(int(value), "") if kind is Happening.ASSIGNMENT and value else value
