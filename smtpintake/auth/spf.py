"""SPF (RFC 7208): whether a client may use a domain, as a dialogue of questions and answers. No I/O.

Contract: `Check.evaluate` is a generator. It yields the questions that it needs now, all of which may be asked at once,
is sent their Answers in the same order, and returns an SpfResult. It ends: ten terms that ask (s4.6.4), two void
lookups, ten addresses an mx, `MAX_QUESTIONS` in all. `Check.ahead` says what it may ask later, so that DNS need not be
asked for one thing after the other; asking all of that is bounded too. exp= is neither fetched nor told.
"""

import ipaddress
from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from typing import Final

from smtpintake.auth.answers import Answer, Found
from smtpintake.auth.results import MAX_DETAIL, AuthResult, SpfIdentity, SpfResult
from smtpintake.auth.spfmacro import MAX_NAME, Sender, dotted, expand, uses_validated
from smtpintake.auth.spfrecord import MAX_DNS_TERMS, DomainSpec, Kind, Mechanism, Record, is_spf, parse

MAX_QUESTIONS: Final = 75  # the RFC's limits alone allow 111
MAX_VOID: Final = 2
MAX_MX: Final = 10
MAX_PTR: Final = 10
MAX_ADDRESSES: Final = 100  # of a name, where they are compared as networks: a datagram holds 70

Question = tuple[str, str]  # name, type
Steps = Generator[Sequence[Question], Sequence[Answer], SpfResult]
_Asking = Generator[Sequence[Question], Sequence[Answer], bool]
_Checking = Generator[Sequence[Question], Sequence[Answer], tuple[AuthResult, str]]
_Naming = Generator[Sequence[Question], Sequence[Answer], str]

_ASKED_FOR: Final = {Kind.INCLUDE: "TXT", Kind.MX: "MX", Kind.EXISTS: "A"}


class Check:
    """One identity, `local_part@domain`, and the client that uses it. The domain is folded.

    Raises ValueError where `peer_ip` is no IP address.
    """

    def __init__(self, identity: SpfIdentity, peer_ip: str, helo: str, domain: str, local_part: str = "") -> None:
        # s4.3: without a local part, "postmaster" is it.
        self._sender: Final = Sender(client_address(peer_ip), helo, local_part or "postmaster", domain)
        self.domain: Final = domain
        self._identity: Final = identity
        self._forward: Final = "A" if self._sender.address.version == 4 else "AAAA"
        self._number: Final = int(self._sender.address)
        self._terms = 0
        self._void = 0
        self._questions = 0
        self._validated: str | None = None  # what %{p} means, once it was asked

    def evaluate(self) -> Steps:
        """The dialogue, and the result at its end."""
        domain = self._sender.domain
        result, detail = AuthResult.NONE, f"{domain or 'an empty name'} is no fully qualified domain name"
        if is_domain(domain):
            try:
                result, detail = yield from self._check_host(domain)
            except _EndError as end:
                result, detail = end.result, end.detail
        shown = detail[:MAX_DETAIL]
        if not shown.isprintable():
            shown = "".join(c if c.isprintable() else "?" for c in shown)
        return SpfResult(result, self._identity, domain, shown)

    def ahead(self, domain: str, answer: Answer) -> Iterator[Question]:
        """What the record in `answer`, of `domain`, may ask."""
        texts = [text for text in answer.records if is_spf(text)]
        record = parse(texts[0]) if len(texts) == 1 else Record()
        for mechanism in record.mechanisms:
            if mechanism.asks and mechanism.kind is not Kind.PTR and not uses_validated(mechanism.target):
                name = expand(mechanism.target, self._sender, domain)
                yield name, _ASKED_FOR.get(mechanism.kind, self._forward)
        if record.redirect and not uses_validated(record.redirect):
            yield expand(record.redirect, self._sender, domain), "TXT"

    def _check_host(self, domain: str) -> _Checking:
        """s4: the result of `domain`'s record, and why."""
        answer = yield from self._one(domain, "TXT")
        if answer.found is Found.TROUBLE:
            raise _EndError(AuthResult.TEMPERROR, f"TXT of {domain}: {answer.detail}")
        texts = [text for text in answer.records if is_spf(text)]
        if not texts and answer.detail and answer.found is Found.RECORDS:
            raise _EndError(AuthResult.PERMERROR, f"TXT of {domain}: {answer.detail}")
        if not texts:
            return AuthResult.NONE, f"{domain} has no SPF record"
        if len(texts) > 1:
            raise _EndError(AuthResult.PERMERROR, f"{domain} has {len(texts)} SPF records")
        record = parse(texts[0])
        if record.fault:
            raise _EndError(AuthResult.PERMERROR, f"the record of {domain}: {record.fault}")
        for mechanism in record.mechanisms:
            if (yield from self._matches(mechanism, domain)):
                return mechanism.result, f"{mechanism.term} of {domain}"
        if not record.redirect:
            return AuthResult.NEUTRAL, f"nothing of {domain} matches"
        self._count_term(domain)
        target = yield from self._target(record.redirect, domain)
        return (yield from self._required(target, f"redirect of {domain}"))

    def _required(self, target: str, why: str) -> _Checking:
        """s5.2, s6.1: the result of a record that must be there."""
        result, detail = (yield from self._check_host(target)) if is_domain(target) else (AuthResult.NONE, "")
        if result is AuthResult.NONE:
            raise _EndError(AuthResult.PERMERROR, f"{why}: {detail or f'{target} is no domain name'}")
        return result, detail

    def _matches(self, mechanism: Mechanism, domain: str) -> _Asking:
        """s5."""
        match mechanism.kind:
            case Kind.ALL:
                return True
            case Kind.IP4 | Kind.IP6:
                network, host_bits = mechanism.network
                same_family = (mechanism.kind is Kind.IP4) == (self._forward == "A")
                return same_family and self._number >> host_bits == network
        self._count_term(domain)
        target = yield from self._target(mechanism.target, domain)
        if not target.isascii():
            return False  # RFC 8616 s4: a local part that is not ASCII matches nothing
        match mechanism.kind:
            case Kind.INCLUDE:
                result, _ = yield from self._required(target, f"{mechanism.term} of {domain}")
                return result is AuthResult.PASS
            case Kind.A:
                answer = yield from self._counted(target, self._forward)
                return self._holds(answer, mechanism)
            case Kind.MX:
                return (yield from self._mx_matches(target, mechanism))
            case Kind.PTR:
                names = yield from self._validated_names(target)
                return bool(names)
            case _:  # exists, s5.7: of type A even where the client speaks IPv6
                answer = yield from self._counted(target, "A")
                return bool(answer.records)

    def _mx_matches(self, target: str, mechanism: Mechanism) -> _Asking:
        """s5.4."""
        answer = yield from self._counted(target, "MX")
        if len(answer.records) > MAX_MX:
            raise _EndError(AuthResult.PERMERROR, f"{target} has {len(answer.records)} MX records")
        hosts = [record.partition(" ")[2] for record in answer.records]
        # RFC 7505: a host of "." means that there is none.
        answers = yield from self._ask([(host, self._forward) for host in hosts if host != "."])
        # In their order, and no further than to a match: those behind it are not void.
        return any(self._holds(self._count_void(found), mechanism) for found in answers)

    def _validated_names(self, target: str) -> Generator[Sequence[Question], Sequence[Answer], list[str]]:
        """s5.5: the client's names in `target` that lead back to it. Trouble means that there are none."""
        reverse = ".".join(reversed(dotted(self._sender.address).split(".")))
        zone = "in-addr.arpa" if self._forward == "A" else "ip6.arpa"
        answer = yield from self._counted(f"{reverse}.{zone}", "PTR", trouble_ends=False)
        names = [name for name in answer.records[:MAX_PTR] if name == target or name.endswith(f".{target}")]
        answers = yield from self._ask([(name, self._forward) for name in names])
        exact = Mechanism(Kind.A, AuthResult.PASS, "")
        return [name for name, found in zip(names, answers, strict=True) if self._holds(found, exact)]

    def _target(self, spec: DomainSpec, domain: str) -> _Naming:
        """The name that a domain-spec means."""
        if not uses_validated(spec):
            return expand(spec, self._sender, domain)
        if self._validated is None:
            # s7.3: %{p} is best the domain itself, or a name in it, or any.
            names = yield from self._validated_names(domain)
            self._validated = domain if domain in names else next(iter(names), "unknown")
        return expand(spec, self._sender, domain, self._validated)

    def _holds(self, answer: Answer, mechanism: Mechanism) -> bool:
        """Whether one of the addresses is the client's, as far as the prefix goes."""
        bits, prefix = (32, mechanism.prefixes[0]) if self._forward == "A" else (128, mechanism.prefixes[1])
        if prefix == bits:
            return str(self._sender.address) in answer.records
        host_bits = bits - prefix
        network = self._number >> host_bits
        return any(int(ipaddress.ip_address(text)) >> host_bits == network for text in answer.records[:MAX_ADDRESSES])

    def _one(self, name: str, rdtype: str) -> Generator[Sequence[Question], Sequence[Answer], Answer]:
        (answer,) = yield from self._ask([(name, rdtype)])
        return answer

    def _counted(
        self, name: str, rdtype: str, *, trouble_ends: bool = True
    ) -> Generator[Sequence[Question], Sequence[Answer], Answer]:
        """An answer to a mechanism."""
        answer = yield from self._one(name, rdtype)
        return self._count_void(answer, trouble_ends=trouble_ends)

    def _ask(self, questions: Sequence[Question]) -> Generator[Sequence[Question], Sequence[Answer], Sequence[Answer]]:
        if not questions:
            return ()
        self._questions += len(questions)
        if self._questions > MAX_QUESTIONS:
            raise _EndError(AuthResult.PERMERROR, f"more than {MAX_QUESTIONS} lookups")
        return (yield questions)

    def _count_term(self, domain: str) -> None:
        self._terms += 1
        if self._terms > MAX_DNS_TERMS:
            raise _EndError(AuthResult.PERMERROR, f"more than {MAX_DNS_TERMS} terms that ask DNS, at {domain}")

    def _count_void(self, answer: Answer, *, trouble_ends: bool = True) -> Answer:
        """s4.6.4: two lookups may find nothing. s5: trouble ends the check."""
        if answer.found is Found.TROUBLE:
            if trouble_ends:
                what = f"{answer.rdtype} of {answer.name}: {answer.detail}"
                raise _EndError(AuthResult.TEMPERROR, what)
        elif answer.found is not Found.RECORDS:
            self._void += 1
            if self._void > MAX_VOID:
                raise _EndError(AuthResult.PERMERROR, f"more than {MAX_VOID} void lookups, at {answer.name}")
        return answer


@lru_cache(maxsize=1024)
def client_address(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """What `ip`, perhaps with a zone (`fe80::1%eth0`), is to a record: s5, an IPv4-mapped address is an IPv4 address.

    Raises ValueError where it is none.
    """
    address = ipaddress.ip_address(ip.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_domain(name: str) -> bool:
    """s4.3: whether it can have a record: several labels, none of them empty or too long, and no address."""
    labels = name.split(".")
    return (
        len(labels) > 1
        and len(name) <= MAX_NAME
        and name.isascii()
        and not labels[-1].isdigit()
        and name[0] != "["
        and all(0 < len(label) < 64 for label in labels)
    )


class _EndError(Exception):
    """The check ends here, however deep."""

    def __init__(self, result: AuthResult, detail: str) -> None:
        super().__init__(detail)
        self.result, self.detail = result, detail
