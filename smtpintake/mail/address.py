"""`Mailbox` and `ReversePath`: addresses, parsed by the grammar of the protocol that carried them.

Contract: `Mailbox.parse` reads an addr-spec (RFC 5321 s4.1.2 Mailbox, with RFC 6531's UTF-8 where allowed) and raises
`AddressError` with a text fit for the log. A Mailbox that exists is valid: no control, no space outside quotes, bounded
in length. Two mailboxes are the same to us when their `folded` forms are equal: the domain as lower-case A-labels (RFC
5891), the localpart in lower case (RFC 5321 s2.4 leaves case to the receiving side, which for our own addresses is us,
and which no mailbox provider in use distinguishes) and without quotation marks that it does not need.

    Mailbox        = Local-part "@" ( Domain / address-literal )
    Local-part     = Dot-string / Quoted-string
    Dot-string     = Atom *("."  Atom)
    Quoted-string  = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE
    Domain         = sub-domain *("." sub-domain)
    sub-domain     = Let-dig [Ldh-str]                      ; underscores occur in the wild and are let through
    address-literal= "[" ( IPv4 / "IPv6:" … ) "]"
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

MAX_LOCALPART: Final = 64  # RFC 5321 s4.5.3.1.1, octets
MAX_DOMAIN: Final = 255  # RFC 5321 s4.5.3.1.2, octets
MAX_PATH: Final = 256  # RFC 5321 s4.5.3.1.3, octets with "<" and ">"

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_MAILBOX: Final = re.compile(
    rf"(?P<local>{_ATEXT}+(?:\.{_ATEXT}+)*"
    r'|"(?:[\x20\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*")'
    r"@(?P<domain>[A-Za-z0-9_\u0080-\U0010ffff](?:[A-Za-z0-9_.\-\u0080-\U0010ffff]*[A-Za-z0-9_\u0080-\U0010ffff])?"
    r"|\[[A-Fa-f0-9:.IPVipv]+\])"
)
# C1 controls, separators and directional marks hide what an address is; surrogates are not text at all.
_NOT_TEXT: Final = re.compile(
    "[\u0080-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff0-\uffff\ud800-\udfff]"
)


_DOT_STRING: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_KELVIN: Final = "\u212a"  # the one letter beyond ASCII whose lower case, k, is not


class AddressError(ValueError):
    """The text is not an address; the message says why, for the log."""


@lru_cache(maxsize=4096)
def fold_domain(domain: str) -> str:
    """`domain` as lower-case A-labels, for comparing and for DNS; an address literal in lower case.

    Raises AddressError where no A-label form exists (RFC 5891 s4).
    """
    if domain.startswith("["):
        return domain.lower()
    if domain.isascii():
        folded = domain.lower()
    else:
        try:
            folded = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise AddressError(f"no such internationalised domain can exist: {error}") from error
    if len(folded) > MAX_DOMAIN:
        raise AddressError(f"the domain is longer than {MAX_DOMAIN} octets")
    if ".." in folded or any(len(label) > 63 for label in folded.split(".")):
        raise AddressError("a label of the domain is empty or longer than 63 octets")
    return folded


def _fold_localpart(localpart: str) -> str:
    """RFC 5321 s4.1.2: `"bob"` and `bob` are the same."""
    if localpart.startswith('"'):
        bare = _QUOTED_PAIR.sub(r"\1", localpart[1:-1])
        localpart = bare if _DOT_STRING.fullmatch(bare) else localpart
    if localpart.isascii():
        return localpart.lower()
    return _KELVIN.join(part.lower() for part in localpart.split(_KELVIN))


# One mail asks for the same few addresses two dozen times.
@lru_cache(maxsize=4096)
def _folded(localpart: str, domain: str) -> str:
    return f"{_fold_localpart(localpart)}@{fold_domain(domain)}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as it was written. Compare with `folded`, show with `str`."""

    localpart: str
    domain: str

    def __str__(self) -> str:
        return f"{self.localpart}@{self.domain}"

    @property
    def folded(self) -> str:
        """The form to compare and to index by."""
        return _folded(self.localpart, self.domain)

    @property
    def folded_domain(self) -> str:
        return fold_domain(self.domain)

    def split_subaddress(self, separator: str = "+") -> tuple["Mailbox", str]:
        """The address without its subaddress, and the subaddress or an empty string (RFC 5233)."""
        base, found, detail = self.localpart.partition(separator)
        return (Mailbox(base, self.domain), detail) if found and base else (self, "")

    @classmethod
    def parse(cls, text: str, *, utf8: bool = True) -> "Mailbox":
        """Read an addr-spec. With `utf8` False anything but ASCII is refused (RFC 6531 s3.3).

        Raises AddressError.
        """
        if not utf8 and not text.isascii():
            raise AddressError("an internationalised address without SMTPUTF8")
        if len(text) > MAX_LOCALPART + 1 + MAX_DOMAIN:
            raise AddressError("the address is too long")
        match = _MAILBOX.fullmatch(text)
        if match is None:
            raise AddressError("not of the form local-part@domain")
        mailbox = cls(match["local"], match["domain"])
        if not text.isascii() and _NOT_TEXT.search(text):
            raise AddressError("the address holds invisible characters")
        if len(mailbox.localpart.encode()) > MAX_LOCALPART:
            raise AddressError(f"the local part is longer than {MAX_LOCALPART} octets")
        fold_domain(mailbox.domain)
        return mailbox


@dataclass(frozen=True, slots=True)
class ReversePath:
    """RFC5321.MailFrom. `ReversePath(None)` is the null reverse-path `<>`, which no answer may ever be sent to."""

    mailbox: Mailbox | None

    def __str__(self) -> str:
        """The address, or an empty string for the null reverse-path."""
        return str(self.mailbox) if self.mailbox else ""

    @property
    def is_null(self) -> bool:
        return self.mailbox is None


NULL_PATH: Final = ReversePath(None)
