"""Tag lists and relaxed fields, against dkimpy, whose grammar they have."""

import dkim
import pytest
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError, Relaxed
from dkim.util import InvalidTagValueList, parse_tag_value
from hypothesis import example, given
from hypothesis import strategies as st

from smtpintake.auth.tags import TagError, canonicalizations, read_tags, relaxed_field, validate

PIECES = st.sampled_from([b"a", b"bh", b"_x", b"1", b"a-b", b"=", b";", b"/", b":", b"\xe9", b" ", b"\t", b"\r\n\t"])
TEXT = st.lists(PIECES, max_size=24).map(b"".join)
GOOD = {b"v": b"1", b"a": b"rsa-sha256", b"b": b"QUJD", b"bh": b"QUI=", b"d": b"a.example", b"s": b"one", b"h": b"from"}


@given(TEXT)
@example(b"a=1; b = 2 ;")
@example(b"a=1;;b=2")
@example(b"a=1; a=2")
@example(b"")
def test_a_tag_list_is_read_as_dkimpy_reads_it(octets: bytes) -> None:
    try:
        expected = parse_tag_value(octets.replace(b"\r\n", b""))
    except InvalidTagValueList:
        with pytest.raises(TagError):
            read_tags(octets)
    else:
        assert read_tags(octets) == expected


@given(TEXT, TEXT)
def test_a_field_is_relaxed_as_by_dkimpy(name: bytes, value: bytes) -> None:
    name = name.replace(b"\r\n", b"")
    [(folded, text)] = Relaxed.canonicalize_headers([(name, value)])
    assert relaxed_field(name, value) == folded + b":" + text


@pytest.mark.parametrize("header", [b"simple", b"relaxed", b"", b"Relaxed", b"other", b"\xe9"])
@pytest.mark.parametrize("body", [b"", b"/", b"/simple", b"/relaxed", b"/Simple", b"/simple/", b"/other"])
def test_canonicalizations_are_those_of_dkimpy(header: bytes, body: bytes) -> None:
    try:
        policy = CanonicalizationPolicy.from_c_value(header + body)
    except InvalidCanonicalizationPolicyError:
        with pytest.raises(TagError):
            canonicalizations(header + body)
    else:
        assert canonicalizations(header + body) == (
            policy.header_algorithm.name.decode(),
            policy.body_algorithm.name.decode(),
        )


@pytest.mark.parametrize("arc", [False, True], ids=["DKIM", "ARC"])
@pytest.mark.parametrize(
    ("tag", "values"),
    [
        (b"v", [b"1", b"2", b"", b"1.0"]),
        (b"a", [b"rsa-sha256", b"rsa-sha1", b"ed25519-sha256", b"RSA-SHA256", b"rsa-sha512", b""]),
        (b"b", [b"QUJD", b"QUI=", b"QQ==", b"QUJ", b"", b"Q!JD", b"=QUJ"]),
        (b"cv", [b"none", b"fail", b"pass", b"Pass", b""]),
        (b"l", [b"0", b"12", b"1" * 76, b"1" * 77, b"-1", b"1.5"]),
        (b"q", [b"dns/txt", b"dns", b""]),
    ],
)
def test_values_are_valid_where_they_are_for_dkimpy(tag: bytes, values: list[bytes], arc: bool) -> None:
    for value in values:
        tags = GOOD | {tag: value}
        try:
            dkim.validate_signature_fields(tags, GOOD, arc)
        except dkim.ValidationError:
            with pytest.raises(TagError, match=rf"^{tag.decode()}= is not valid"):
                validate(tags, GOOD, arc=arc)
        else:
            validate(tags, GOOD, arc=arc)


@pytest.mark.parametrize("tag", GOOD)
def test_what_must_be_there(tag: bytes) -> None:
    with pytest.raises(TagError, match=rf"^missing {tag.decode()}=$"):
        validate({name: value for name, value in GOOD.items() if name != tag}, GOOD)


@pytest.mark.parametrize("value", [b"", b"QUJ", b"Q!JD"])
def test_a_body_hash_is_base64(value: bytes) -> None:
    with pytest.raises(TagError, match=r"^bh= is not valid"):
        validate(GOOD | {b"bh": value}, GOOD)
