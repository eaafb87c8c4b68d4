"""The rows of a mail's attachments: where each lies in the raw mail, and how it is shown.

Contract: pure. Nothing is stored twice: a row is a view of the octets.
"""

from collections.abc import Iterator

from smtpintake.convert.draft import Draft
from smtpintake.decide.decision import Extent


def attachment_rows(
    raw_id: str, draft: Draft, extent: Extent, issue_id: int, comment_id: int | None
) -> Iterator[dict[str, object]]:
    """The columns of each attachment that the issue, or its comment, has of the raw mail."""
    if not extent.attachments:
        return
    for file in draft.files:
        if file in extent.dropped:
            continue
        part = file.part
        yield {
            "issue_id": issue_id,
            "comment_id": comment_id,
            "raw_id": raw_id,
            "name": file.name,
            "original_name": part.name,
            "content_type": part.content_type,
            "detected_type": file.detected_type,
            "offset": part.offset,
            "length": part.length,
            "encoding": part.encoding,
            "size": part.size,
            "sha256": part.sha256,
            "inline": part.inline,
            "content_id": part.content_id,
        }
