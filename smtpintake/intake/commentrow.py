"""The row of a comment: what the author of a mail adds to an issue.

Contract: pure; `place` has the issue already.
"""

from typing import Final

from smtpintake.convert.draft import Draft
from smtpintake.decide.policy import Proof
from smtpintake.intake.place import Place

MAX_NAME: Final = 200


def comment_row(
    place: Place, draft: Draft, comment_id: int, author_id: int | None, proof: Proof, *, internal: bool
) -> dict[str, object]:
    """The columns. `author_id` is the author's in the directory; who reads an `internal` one works on the issue."""
    author = place.facts.message.authors[0]
    return {
        "id": comment_id,
        "issue_id": place.issue_id,
        "author_id": author_id,
        "author_address": author.mailbox.folded,
        "author_name": author.name[:MAX_NAME],
        "created_at": place.facts.envelope.received_at,
        "body_text": draft.body_text,
        "body_html": draft.body_html,
        "hidden_text": draft.hidden_text,
        "quoted": draft.quoted,
        "blocked_images": draft.blocked_images,
        "internal": internal,
        "proof": proof,
        "log_id": place.log_id,
    }
