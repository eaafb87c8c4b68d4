"""Tag lists: the syntax of signatures and of key records (RFC 6376 s3.2). The one place that calls dkimpy.

Contract: what dkimpy refuses or trips over is a `TagError` whose text is fit for the log; nothing else comes out. Its
functions are called and not its `DKIM` and `ARC`: those copy the mail, hash the body for each signature, look at the
clock, and report trouble with DNS as a failure. No function here sees more than one field or record.
"""

from collections.abc import Iterable, Mapping

from dkim import DKIMException, validate_signature_fields
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError, Relaxed
from dkim.util import InvalidTagValueList, parse_tag_value

from smtpintake.auth.canonical import Canonicalization

# Its own, and what escapes it: an i= as long as d= is an IndexError, an empty l= a ValueError.
_FAULTS = (DKIMException, InvalidTagValueList, InvalidCanonicalizationPolicyError, ValueError, LookupError, TypeError)


class TagError(ValueError):
    """The tags are not what the RFC says."""


def read_tags(octets: bytes) -> dict[bytes, bytes]:
    """Tag to value, neither with white space around it. A tag that occurs twice is an error (RFC 6376 s3.2)."""
    try:
        tags: dict[bytes, bytes] = parse_tag_value(octets.replace(b"\r\n", b""))
    except _FAULTS as error:
        raise TagError(f"not a tag list: {error!r}") from error
    return tags


def validate(tags: Mapping[bytes, bytes], required: Iterable[bytes], *, arc: bool = False) -> None:
    """Check the values of a signature's tags, and that those required are there."""
    try:
        validate_signature_fields(tags, required, arc)
    except _FAULTS as error:
        raise TagError(str(error) or repr(error)) from error


def canonicalizations(value: bytes | None) -> tuple[Canonicalization, Canonicalization]:
    """Of the header and of the body, from c=."""
    try:
        policy = CanonicalizationPolicy.from_c_value(value)
    except _FAULTS as error:
        raise TagError(f"c= names no canonicalization: {error}") from error
    return (
        Canonicalization(policy.header_algorithm.name.decode("ascii")),
        Canonicalization(policy.body_algorithm.name.decode("ascii")),
    )


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """A header field in relaxed form, with its CRLF (RFC 6376 s3.4.2)."""
    [(folded, text)] = Relaxed.canonicalize_headers([(name, value)])
    return bytes(folded + b":" + text)
