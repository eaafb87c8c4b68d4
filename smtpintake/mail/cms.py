"""CMS (RFC 5652), as S/MIME puts it around a mail (RFC 8551): what kind it is, and what a signed one says.

Contract: total and linear. Nothing is verified here. Only the way to the content is read, in BER: definite and
indefinite lengths, and contents in pieces, as OpenSSL streams them.
"""

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    OTHER = "other"


_INTEGER, _OCTETS, _OID, _SEQUENCE, _SET, _CONTENT = 0x02, 0x04, 0x06, 0x30, 0x31, 0xA0
_CONSTRUCTED: Final = 0x20
_INDEFINITE: Final = -1

_KINDS: Final = {
    bytes.fromhex("2a864886f70d010702"): Kind.SIGNED,  # id-signedData
    bytes.fromhex("2a864886f70d010703"): Kind.ENCRYPTED,  # id-envelopedData
    bytes.fromhex("2a864886f70d010706"): Kind.ENCRYPTED,  # id-encryptedData
    bytes.fromhex("2a864886f70d0109100117"): Kind.ENCRYPTED,  # id-ct-authEnvelopedData, RFC 5083
}


class _MalformedError(Exception):
    """The octets are no CMS that we can find our way in."""


def kind(octets: bytes) -> Kind:
    """What `octets` are; the beginning of them is enough."""
    try:
        return _type(_Reader(octets))
    except _MalformedError:
        return Kind.OTHER


def signed_content(octets: bytes) -> bytes | None:
    """The content of a SignedData; None where it is something else, or the signature stands apart from its content."""
    reader = _Reader(octets)
    try:
        if _type(reader) is not Kind.SIGNED:
            return None
        reader.enter(_CONTENT)
        reader.enter(_SEQUENCE)
        reader.skip(_INTEGER)  # version
        reader.skip(_SET)  # digestAlgorithms
        reader.enter(_SEQUENCE)  # encapContentInfo, s5.2
        reader.skip(_OID)
        reader.enter(_CONTENT)
        return reader.octet_string()
    except _MalformedError:
        return None


def _type(reader: "_Reader") -> Kind:
    """The type of the ContentInfo (s3) that `reader` stands at; its content comes next."""
    reader.enter(_SEQUENCE)
    return _KINDS.get(reader.take(_OID), Kind.OTHER)


class _Reader:
    """Walks forward over BER (X.690 s8.1), element by element, and never back."""

    def __init__(self, octets: bytes) -> None:
        self._octets: Final = octets
        self._at = 0

    def enter(self, tag: int) -> None:
        """Stand at the first element inside the one that begins here."""
        self._header(tag)

    def take(self, tag: int) -> bytes:
        """The content of the element that begins here; stand behind it."""
        length = self._header(tag)
        end = self._at + length
        if length == _INDEFINITE or end > len(self._octets):
            raise _MalformedError
        content = self._octets[self._at : end]
        self._at = end
        return content

    def skip(self, tag: int) -> None:
        self.take(tag)

    def octet_string(self) -> bytes:
        """The octet string that begins here, put together where it comes in pieces (s8.7.3)."""
        if self._tag() != _OCTETS | _CONSTRUCTED:
            return self.take(_OCTETS)
        length = self._header(_OCTETS | _CONSTRUCTED)
        end = len(self._octets) if length == _INDEFINITE else self._at + length
        pieces = []
        while self._at < end and self._tag() == _OCTETS:
            pieces.append(self.take(_OCTETS))
        return b"".join(pieces)

    def _tag(self) -> int:
        if self._at >= len(self._octets):
            raise _MalformedError
        return self._octets[self._at]

    def _header(self, tag: int) -> int:
        """The length of the element that begins here, which must have this tag; stand at its content."""
        if self._tag() != tag or self._at + 2 > len(self._octets):
            raise _MalformedError
        length = self._octets[self._at + 1]
        self._at += 2
        if length < 0x80:
            return length
        if length == 0x80:
            return _INDEFINITE
        more = length & 0x7F
        if more > 8:
            raise _MalformedError
        self._at += more
        return int.from_bytes(self._octets[self._at - more : self._at], "big")
