"""`Effects`: what judgements add to the database, as rows: the issue or comment, who takes part, how replies find it.

Contract: builds rows and writes none; ids and numbers were drawn before. One instance serves one group of mails, so
that two mails of a new author make one person, and a mail to two inboxes that belongs to one issue makes one comment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from smtpintake.convert.draft import Draft
from smtpintake.decide.decision import (
    AddComment,
    CreateIssue,
    Extent,
    Judgement,
    NoteReport,
    Outcome,
    Repeat,
    ShareIssue,
)
from smtpintake.decide.facts import Facts
from smtpintake.decide.orders import Orders
from smtpintake.intake import happened
from smtpintake.intake.answering import Answering
from smtpintake.intake.attachmentrow import attachment_rows
from smtpintake.intake.bounced import Bounced
from smtpintake.intake.commentrow import MAX_NAME, comment_row
from smtpintake.intake.hearing import Hearing
from smtpintake.intake.issuerow import issue_row
from smtpintake.intake.original import original, unanswered
from smtpintake.intake.place import Place
from smtpintake.intake.submission import Submission
from smtpintake.intake.takingpart import TakingPart, participants
from smtpintake.mail.ids import new_id
from smtpintake.mail.message import Author
from smtpintake.store import events
from smtpintake.store.changing import columns_of
from smtpintake.store.directory import BY_MAIL
from smtpintake.store.events import Happened
from smtpintake.store.rows import Rows
from smtpintake.store.schema import (
    Attachment,
    Comment,
    Issue,
    IssueLink,
    Participant,
    Person,
    PersonAddress,
    PersonRole,
    ThreadKey,
)
from smtpintake.store.schema.tracker import MESSAGE_ID
from smtpintake.store.snapshot import Snapshot
from smtpintake.store.watching import Watching

Judged = tuple[tuple[Facts, Judgement], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Ids and numbers for a group of mails, drawn from the database in one go. `numbers` is by project key."""

    issues: Iterator[int]
    comments: Iterator[int]
    people: Iterator[int]
    numbers: dict[str, Iterator[int]]


@dataclass(slots=True)
class Effects:
    """The rows of one group. `touched` are the parameters of the update of each issue that got a comment, `changed`
    the id and the new values of each that a reply or its commands change, `watching` who follows or leaves which.
    """

    snapshot: Snapshot
    drawn: Drawn
    answering: Answering
    hearing: Hearing
    bounced: Bounced
    rows: Rows
    touched: list[dict[str, object]] = field(default_factory=list)
    changed: list[tuple[int, dict[str, object]]] = field(default_factory=list)
    watching: list[Watching] = field(default_factory=list)
    _people: dict[str, int] = field(default_factory=dict)
    _roles: set[tuple[int, int]] = field(default_factory=set)

    def place(self, submission: Submission, draft: Draft | None, judged: Judged) -> list[Place]:
        """Add the rows of one mail's judgements, and say where each of them ended."""
        places: list[Place] = []
        commented: dict[int, int] = {}
        for facts, judgement in judged:
            place = Place(new_id(facts.now), facts, judgement)
            match judgement.decision:
                case CreateIssue() as decision if draft is not None:
                    place = self._create(submission, draft, place, decision)
                case AddComment() as decision if draft is not None:
                    place = self._comment(submission, draft, place, decision, commented)
                case NoteReport() as decision:
                    place = self.bounced.noted(draft, place, decision, self.drawn.comments)
                case Repeat(earlier=earlier):
                    place = replace(
                        place,
                        issue_id=earlier.issue_id,
                        issue_key=earlier.issue_key,
                        comment_id=earlier.comment_id,
                        duplicate_of=earlier.log_id,
                    )
                case _:
                    pass
            places.append(place)
        places = _with_shared(places)
        self._link(places)
        return places

    def link_to(self, issue_id: int, places: list[Place]) -> None:
        """`issue_id` was made of the same mail before."""
        for place in places:
            if place.outcome is Outcome.CREATED and place.issue_id != issue_id:
                self.rows.add(IssueLink, issue_id=issue_id, other_id=place.issue_id, kind="same-mail")

    # ---- a new issue ---------------------------------------------------------------------------------------------

    def _create(self, submission: Submission, draft: Draft, place: Place, decision: CreateIssue) -> Place:
        facts = place.facts
        issue_id = next(self.drawn.issues)
        fields = decision.fields
        number = next(self.drawn.numbers[fields.project])
        key = f"{fields.project}-{number}"
        person_id = self._person(facts, facts.message.authors[0], decision.new_person)
        first = original(facts, decision, draft, person_id)
        row = issue_row(facts, fields, first, self.snapshot)
        self.rows.add(Issue, id=issue_id, number=number, key=key, log_id=place.log_id, **row)
        self._attach(submission, first.draft, decision.extent, issue_id, None)
        if first.note is not None:
            self._note(submission, replace(place, issue_id=issue_id), decision, first.note, person_id)
        for one in participants(facts, decision, self.snapshot.policy, first.author, first.person_id):
            self._takes_part(issue_id, one)
        # Ids that lead to somebody else's issue stay theirs: only a mail that starts a thread claims what it refers to.
        ancestors = () if decision.mentions else facts.message.thread_ids
        self._index(issue_id, facts, ancestors)
        for mentioned in decision.mentions:
            self.rows.add(IssueLink, issue_id=issue_id, other_id=mentioned.issue_id, kind="mentions")
        if decision.follows is not None:
            self.rows.add(IssueLink, issue_id=issue_id, other_id=decision.follows.issue_id, kind="follows")
        self._watch(issue_id, facts, decision.orders)
        place = replace(place, issue_id=issue_id, issue_key=key)
        if facts.inbox.notify_created:
            self._happened(fields.project, happened.of_new(place, decision, self.snapshot.policy, person_id))
        if decision.owner:
            return self.answering.reported(unanswered(place), issue_id, decision.orders)
        return self.answering.answered(place, issue_id, decision.orders)

    def _note(
        self, submission: Submission, place: Place, decision: CreateIssue, note: Draft, author_id: int | None
    ) -> None:
        """What an agent added to the mail that they passed on, for those who work on the issue."""
        comment_id = next(self.drawn.comments)
        row = comment_row(place, note, comment_id, author_id, place.facts.proof, internal=True)
        self.rows.add(Comment, **row)
        if place.issue_id is not None:
            self._attach(submission, note, decision.extent, place.issue_id, comment_id)

    # ---- a comment -----------------------------------------------------------------------------------------------

    def _comment(
        self,
        submission: Submission,
        draft: Draft,
        place: Place,
        decision: AddComment,
        commented: dict[int, int],
    ) -> Place:
        facts, issue_id, orders = place.facts, decision.candidate.issue_id, decision.orders
        place = replace(place, issue_id=issue_id, issue_key=decision.candidate.issue_key)
        if (comment_id := commented.get(issue_id)) is not None:
            return replace(place, comment_id=comment_id)
        comment_id = commented[issue_id] = next(self.drawn.comments)
        author = facts.message.authors[0]
        person_id = self._person(facts, author, decision.new_person)
        draft, place = self.hearing.told(draft, place)
        draft = draft.obeying(orders.obeyed)
        if orders.note and orders.alone:
            draft = replace(draft, body_text=orders.note, body_html=None, blocked_images=0)
        internal = orders.internal or orders.alone
        self.rows.add(Comment, **comment_row(place, draft, comment_id, person_id, decision.proof, internal=internal))
        if orders.has_note_apart:
            note, note_id = Draft(draft.subject, orders.note, None, "", ()), next(self.drawn.comments)
            self.rows.add(Comment, **comment_row(place, note, note_id, person_id, decision.proof, internal=True))
        self._attach(submission, draft, decision.extent, issue_id, comment_id)
        if decision.extent.author and not internal:
            self._takes_part(issue_id, TakingPart(author.mailbox.folded, author.name, "author", person_id))
        self._index(issue_id, facts, facts.message.thread_ids)
        self.touched.append({"issue": issue_id, "moment": facts.envelope.received_at})
        place, columns = replace(place, comment_id=comment_id), self._changes(facts, decision)
        if columns:
            self.changed.append((issue_id, columns))
        self._watch(issue_id, facts, orders)
        several = happened.of_comment(place, decision, self.snapshot.policy, person_id, columns)
        self._happened(decision.candidate.project_key, *several)
        return self.answering.answered(place, issue_id, orders)

    def _changes(self, facts: Facts, decision: AddComment) -> dict[str, object]:
        """The columns of the issue that the reply and its commands change."""
        columns = columns_of(decision.orders.changes)
        if decision.status:
            columns["status"] = decision.status
        project = self.snapshot.policy.projects.get(decision.candidate.project_key)
        if "status" in columns and project is not None:
            closed = columns["status"] in project.closed_statuses
            since = decision.candidate.closed_at or facts.envelope.received_at
            columns["closed_at"] = since if closed else None
        return columns

    # ---- what both have --------------------------------------------------------------------------------------------

    def _person(self, facts: Facts, author: Author, create: bool) -> int | None:
        """The author's id in the directory: known, made by an earlier mail of this group, made now, or None."""
        if facts.sender is not None:
            return facts.sender.person_id
        address = author.mailbox.folded
        if create and address not in self._people:
            person_id = self._people[address] = next(self.drawn.people)
            name = author.name[:MAX_NAME] or str(author.mailbox)
            self.rows.add(
                Person,
                id=person_id,
                name=name,
                organisation_id=None,
                language="",
                origin=BY_MAIL,
                active=True,
                created_at=facts.now,
            )
            self.rows.add(PersonAddress, person_id=person_id, address=address)
        if create:
            self._role(self._people[address], facts)
        return self._people.get(address)

    def _role(self, person_id: int, facts: Facts) -> None:
        """What somebody new is in the project of the inbox that let them in, once."""
        project_id = self.snapshot.project_ids[facts.inbox.project]
        if (person_id, project_id) not in self._roles:
            self._roles.add((person_id, project_id))
            self.rows.add(
                PersonRole, person_id=person_id, project_id=project_id, role=facts.inbox.unknown_role, permissions=""
            )

    def _attach(
        self, submission: Submission, draft: Draft, extent: Extent, issue_id: int, comment_id: int | None
    ) -> None:
        for row in attachment_rows(submission.envelope.transaction_id, draft, extent, issue_id, comment_id):
            self.rows.add(Attachment, **row)

    def _takes_part(self, issue_id: int, one: TakingPart) -> None:
        self.rows.add(
            Participant,
            issue_id=issue_id,
            address=one.address,
            name=one.name[:MAX_NAME],
            role=one.role,
            person_id=one.person_id,
        )

    def _watch(self, issue_id: int, facts: Facts, orders: Orders) -> None:
        if orders.watch is not None:
            author = facts.message.authors[0].mailbox.folded
            self.watching.append(Watching(issue_id, author, orders.watch, facts.envelope.received_at))

    def _happened(self, project_key: str, *several: Happened) -> None:
        """What those may be told of who have to do with an issue of this project."""
        for one in several:
            events.note(self.rows, one, self.snapshot.policy.projects.get(project_key))

    def _index(self, issue_id: int, facts: Facts, ancestors: tuple[str, ...]) -> None:
        """Make the issue findable by the mail's own Message-ID and by those it refers to (zammad#5716)."""
        own = (facts.message.message_id,) if facts.message.message_id else ()
        for message_id in dict.fromkeys((*own, *ancestors)):
            self.rows.add(ThreadKey, issue_id=issue_id, kind=MESSAGE_ID, value=message_id, owner=None)

    def _link(self, places: list[Place]) -> None:
        """The issues that one mail made in several inboxes know of each other."""
        made = dict.fromkeys(place.issue_id for place in places if place.outcome is Outcome.CREATED)
        for first, other in pairwise(made):
            self.rows.add(IssueLink, issue_id=first, other_id=other, kind="same-mail")


def _with_shared(places: list[Place]) -> list[Place]:
    """The places that share an issue know which, whether it was made now or before."""
    made = {place.facts.inbox.name: place for place in places}
    return [_where_shared(place, made) for place in places]


def _where_shared(place: Place, made: dict[str, Place]) -> Place:
    decision = place.judgement.decision
    if not isinstance(decision, ShareIssue):
        return place
    where = decision.earlier or made[decision.inbox]
    return replace(place, issue_id=where.issue_id, issue_key=where.issue_key)
