"""Header fields as signatures cover them, however the header section is written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from smtpintake.auth.canonical import Canonicalization
from smtpintake.auth.signature import Header
from smtpintake.mail.prescan import prescan

TOKENS = st.sampled_from(
    (b"A", b"b", b":", b" ", b"\t", b"\r\n", b"\r\n", b"\r\n ", b"From ", b"X: y\r\n", b"\xe9", b";")
)


@given(st.lists(TOKENS, max_size=30).map(b"".join))
@settings(deadline=None)
def test_each_field_is_found_as_it_was_written(octets: bytes) -> None:
    scan = prescan(octets)
    header = Header(octets, scan)
    for position, field in enumerate(scan.fields):
        written = header.field(position, Canonicalization.SIMPLE)
        assert written in octets + b"\r\n"
        name, _, value = written.partition(b":")
        assert (name.rstrip(b" \t").lower(), value) == (field.name, field.value + b"\r\n")
        relaxed = header.field(position, Canonicalization.RELAXED)
        assert relaxed.split() == (field.name + b":" + field.value.lstrip()).split()
