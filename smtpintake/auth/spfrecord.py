"""An SPF record: its grammar (RFC 7208 s12), read into a `Record`.

Contract: any text gives a `Record`, in linear time; one that is against the grammar has a `fault`, and no more is said
of it. What can never be evaluated is not kept: mechanisms behind `all`, and those that ask DNS beyond the limit.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from smtpintake.auth.results import AuthResult

MAX_DNS_TERMS: Final = 10  # RFC 7208 s4.6.4


class Kind(StrEnum):
    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Macro:
    """`%{ir.}`: `letter` in lower case; `keep` 0 means all parts."""

    letter: str
    keep: int
    is_reversed: bool
    delimiters: str
    is_escaped: bool


DomainSpec = tuple[str | Macro, ...]
"""Literals and macros; empty means the domain that is being checked."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """`result` is what a match means, `network` that of ip4 and ip6, `prefixes` the lengths for IPv4 and IPv6."""

    kind: Kind
    result: AuthResult
    term: str
    target: DomainSpec = ()
    network: tuple[int, int] = (0, 0)  # the address without its last bits, how many those are
    prefixes: tuple[int, int] = (32, 128)

    @property
    def asks(self) -> bool:
        """Whether it counts as a DNS term (s4.6.4)."""
        return self.kind not in _ASK_NOTHING


_KINDS: Final = {kind.value: kind for kind in Kind}
_ASK_NOTHING: Final = frozenset((Kind.ALL, Kind.IP4, Kind.IP6))


@dataclass(frozen=True, slots=True)
class Record:
    mechanisms: tuple[Mechanism, ...] = ()
    redirect: DomainSpec = ()
    fault: str = ""


def is_spf(text: str) -> bool:
    """RFC 7208 s4.5: `v=spf1`, and then a space or nothing."""
    return text[:6].lower() == "v=spf1" and text[6:7] in ("", " ")


# Repeated mail of the same domains is what costs; a record of 4 KB, read, takes some 100 KB.
@lru_cache(maxsize=512)
def parse(text: str) -> Record:
    """Read what `is_spf` found to be a record.

    record = version terms *SP;  terms = *( 1*SP ( directive / modifier ) )
    """
    try:
        return _parse(text)
    except _SyntaxError as error:
        return Record(fault=str(error))


class _SyntaxError(Exception):
    """The term does not follow the grammar."""


_QUALIFIERS: Final = {
    "+": AuthResult.PASS,
    "-": AuthResult.FAIL,
    "~": AuthResult.SOFTFAIL,
    "?": AuthResult.NEUTRAL,
}
# directive = [ qualifier ] mechanism;  what follows the name begins with ":" or "/"
_DIRECTIVE: Final = re.compile(r"([-+?~]?)([a-z][a-z0-9]*)(?=[:/]|$)", re.IGNORECASE)
# modifier = name "=" macro-string;  name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
_MODIFIER: Final = re.compile(r"([a-z][a-z0-9_.-]*)=", re.IGNORECASE)
_PRINTABLE: Final = re.compile(r"[ -~]*")


def _parse(text: str) -> Record:
    if not _PRINTABLE.fullmatch(text):
        raise _SyntaxError("an octet is not printable ASCII")
    mechanisms: list[Mechanism] = []
    modifiers: dict[str, DomainSpec] = {}
    dns_terms, ended = 0, False
    for term in filter(None, text[6:].split(" ")):
        if match := _MODIFIER.match(term):
            _modifier(match[1].lower(), term, term[match.end() :], modifiers)
            continue
        mechanism = _mechanism(term)
        dns_terms += mechanism.asks
        if not ended and (dns_terms <= MAX_DNS_TERMS + 1 or not mechanism.asks):
            mechanisms.append(mechanism)
        ended |= mechanism.kind is Kind.ALL or dns_terms > MAX_DNS_TERMS
    return Record(tuple(mechanisms), () if ended else modifiers.get("redirect", ()))


def _modifier(name: str, term: str, value: str, modifiers: dict[str, DomainSpec]) -> None:
    """RFC 7208 s6: redirect and exp once at most, others are ignored but for their grammar."""
    if name not in ("redirect", "exp"):
        _macro_string(term, value)
        return
    if name in modifiers:
        raise _SyntaxError(f"{name}= is there twice")
    modifiers[name] = _domain_spec(term, value)


def _mechanism(term: str) -> Mechanism:
    match = _DIRECTIVE.match(term)
    kind, shown = _KINDS.get(match[2].lower()) if match else None, _shown(term)
    if match is None or kind is None:
        raise _SyntaxError(f"{shown} is no mechanism")
    result, rest = _QUALIFIERS[match[1] or "+"], term[match.end() :]
    match kind:
        case Kind.ALL:
            if rest:
                raise _SyntaxError(f"{shown}: all takes nothing")
            return Mechanism(kind, result, shown)
        case Kind.IP4 | Kind.IP6:
            return Mechanism(kind, result, shown, network=_network(kind, term, rest))
        case Kind.INCLUDE | Kind.EXISTS:
            return Mechanism(kind, result, shown, _domain_spec(term, rest[1:]) if rest[:1] == ":" else _missing(term))
        case Kind.PTR:
            if rest and rest[0] != ":":
                raise _SyntaxError(f"{shown}: a domain must follow the colon")
            return Mechanism(kind, result, shown, _domain_spec(term, rest[1:]) if rest else ())
        case Kind.A | Kind.MX:
            target, prefixes = _dual_cidr(term, rest)
            spec = _domain_spec(term, target[1:]) if target else ()
            return Mechanism(kind, result, shown, spec, prefixes=prefixes)


def _missing(term: str) -> DomainSpec:
    raise _SyntaxError(f"{_shown(term)}: a domain is missing")


# dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ];  ip4-cidr-length = "/" ("0" / %x31-39 0*1DIGIT)
_DUAL_CIDR: Final = re.compile(r"(?:(?<!/)/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?$")


def _dual_cidr(term: str, rest: str) -> tuple[str, tuple[int, int]]:
    """What stands before the lengths, and the lengths."""
    match = _DUAL_CIDR.search(rest)
    assert match is not None  # it matches the end, if nothing else
    prefixes = int(match[1] or 32), int(match[2] or 128)
    target = rest[: match.start()]
    if prefixes[0] > 32 or prefixes[1] > 128 or target[:1] not in ("", ":"):
        raise _SyntaxError(f"{_shown(term)}: no such prefix length")
    return target, prefixes


# Leading zeros are in no grammar, of a length neither: qnum = DIGIT / %x31-39 DIGIT / …
_NETWORK: Final = re.compile(r":([0-9A-Fa-f:.]+)(?:/(0|[1-9][0-9]{0,2}))?")


def _network(kind: Kind, term: str, rest: str) -> tuple[int, int]:
    fault = _SyntaxError(f"{_shown(term)} is no network")
    match = _NETWORK.fullmatch(rest)
    if match is None:
        raise fault
    try:
        address = ipaddress.IPv4Address(match[1]) if kind is Kind.IP4 else ipaddress.IPv6Address(match[1])
    except ValueError:
        raise fault from None
    host_bits = address.max_prefixlen - int(match[2] or address.max_prefixlen)
    if host_bits < 0:
        raise fault
    return int(address) >> host_bits, host_bits


# macro-expand = ( "%{" macro-letter transformers *delimiter "}" ) / "%%" / "%_" / "%-"
# macro-literal = %x21-24 / %x26-7E
# The letters c, r and t are for the text of exp= alone (s7.2).
_TOKEN: Final = re.compile(r"%\{([slodiphv])([0-9]*)(r?)([-.+,/_=]*)\}|(%[%_-])|([!-$&-~]+)", re.IGNORECASE)
_ESCAPES: Final = {"%%": "%", "%_": " ", "%-": "%20"}
# toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
_TOPLABEL: Final = re.compile(r"(?![0-9]+$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)


def _macro_string(term: str, text: str) -> DomainSpec:
    """macro-string = *( macro-expand / macro-literal )"""
    parts: list[str | Macro] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or (match[2] and not int(match[2][:4] or 0)):
            raise _SyntaxError(f"{_shown(term)}: a macro is not well formed")
        if letter := match[1]:
            # More parts than a name can have are all of them.
            keep = min(int(match[2][:4] or 0), 128)
            parts.append(Macro(letter.lower(), keep, bool(match[3]), match[4] or ".", letter.isupper()))
        else:
            parts.append(_ESCAPES[match[5]] if match[5] else match[6])
        at = match.end()
    return tuple(parts)


def _domain_spec(term: str, text: str) -> DomainSpec:
    """domain-spec = macro-string domain-end;  domain-end = ( "." toplabel [ "." ] ) / macro-expand"""
    parts = _macro_string(term, text)
    if not parts:
        _missing(term)
    if (text[-1] == "}" and isinstance(parts[-1], Macro)) or text[-2:] in _ESCAPES:
        return parts
    literal = parts[-1] if isinstance(parts[-1], str) else ""
    _, dot, toplabel = literal.removesuffix(".").rpartition(".")
    if not dot or not _TOPLABEL.fullmatch(toplabel):
        raise _SyntaxError(f"{_shown(term)} names no domain")
    return parts


def _shown(term: str) -> str:
    """For the log. Printable, as the whole record is."""
    return term if len(term) <= 80 else f"{term[:80]}…"
