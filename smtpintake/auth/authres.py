"""The Authentication-Results field (RFC 8601): ours written, those of others read or known as forged.

Contract: pure, total and linear. Whatever stands in an address or a domain, `render` writes one field: printable ASCII,
each value quoted where it is no token, bounded, lines of at most 78 columns where a value leaves the choice. `claims`
reads what somebody else wrote; what it cannot read claims nothing.

    authres-header-field = authserv-id *( ";" resinfo )        ; s2.2, comments may stand anywhere
    resinfo   = method ["/" version] "=" result ["reason=" value] *( ptype "." property "=" pvalue )
"""

import re
from collections.abc import Iterator
from typing import Final

from smtpintake.auth.results import UNVERIFIED, AuthResult, AuthVerdict, DkimResult, RequestedPolicy
from smtpintake.mail.prescan import Field

MAX_VALUE: Final = 320  # an address has at most 64 + 1 + 255 octets
MAX_SIGNATURES: Final = 10
MAX_READ: Final = 16 << 10
_MAX_LINE: Final = 78

# Tokens (RFC 2045 s5.1) and plain addresses stand bare, everything else is quoted.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+^_`{|}~.\-]+"
_BARE: Final = re.compile(rf"{_ATOM}(?:@{_ATOM})?|@{_ATOM}")
_UNPRINTABLE: Final = re.compile(r"[^ -~]")
# The end of a header field: what follows is not its next line (RFC 5322 s2.2.3).
_LINE_END: Final = re.compile(rb"(?>\r\n|\r|\n)(?![ \t])|\Z")


def render(
    authserv_id: str, verdict: AuthVerdict, *, mail_from: str = "", helo: str = "", login: str | None = None
) -> str:
    """The field's value: our verdict on one mail, folded with CRLF, without the name and the last CRLF.

    `mail_from` is the reverse-path, empty for the null one; `login` the account that AUTH proved.
    """
    results = [_result("auth", AuthResult.PASS, ("smtp.auth", login))] if login is not None else []
    if verdict != UNVERIFIED:
        results.extend(_verdict(verdict, mail_from, helo))
    # s2.2 no-result
    blocks = [[_value(authserv_id)], *(results or [["none"]])]
    return ";\r\n".join(_folded(words, "    " if index else "") for index, words in enumerate(blocks))


def claims(value: str) -> tuple[tuple[str, str], ...]:
    """What an (ARC-)Authentication-Results value says: method -> result, and `dmarc.header.from` -> domain.

    Of several results of one method the first counts; they are of several signatures or identities. Of several of dmarc
    none does: there is one author domain, so one of them was slipped in.
    """
    found: dict[str, str] = {}
    doubtful = False
    for method, result, properties in _resinfos(value):
        if method == "dmarc" and "dmarc" in found:
            doubtful = True
        if method not in found:
            found[method] = result
            if method == "dmarc" and "header.from" in properties:
                found["dmarc.header.from"] = properties["header.from"].lower().rstrip(".")
    return tuple(pair for pair in found.items() if not (doubtful and pair[0].startswith("dmarc")))


def forged(field: Field, authserv_id: str) -> bool:
    """True of an Authentication-Results field that pretends to be ours (s5), or that nobody can read."""
    if field.name != b"authentication-results":
        return False
    return _authserv_id(field.value.decode("latin-1")) in ("", authserv_id.lower().rstrip("."))


def presented(raw: bytes, results: str) -> bytes:
    """The mail `raw` with our field on top, its value `results` as rendered, and without forged ones."""
    ours = _authserv_id(results)
    kept = [b"Authentication-Results: ", results.encode("ascii", "replace"), b"\r\n"]
    position = 0
    # Lenient about line ends, for mail is kept that was refused for them.
    for match in _LINE_END.finditer(raw):
        line = raw[position : match.end()]
        name, _, value = line.partition(b":")
        if not line.strip(b"\r\n"):
            break
        if not forged(Field(name.rstrip(b" \t").lower(), value), ours):
            kept.append(line)
        position = match.end()
    return b"".join((*kept, raw[position:]))


def _verdict(verdict: AuthVerdict, mail_from: str, helo: str) -> Iterator[list[str]]:
    spf, dmarc = verdict.spf, verdict.dmarc
    # RFC 7208 s2.4: of a null reverse-path the identity is the HELO name's, so there is but one to tell of.
    yield _result("spf", spf.result, ("smtp.mailfrom", mail_from) if mail_from else ("smtp.helo", helo))
    if mail_from and verdict.helo.result is not AuthResult.NONE:
        yield _result("spf", verdict.helo.result, ("smtp.helo", helo))
    yield from map(_signature, verdict.dkim[:MAX_SIGNATURES])
    if not verdict.dkim:
        yield _result("dkim", AuthResult.NONE)
    policy = dmarc.policy if dmarc.policy is not RequestedPolicy.NOTHING else ""
    yield _result("dmarc", dmarc.result, ("header.from", dmarc.domain), ("policy.dmarc", policy))
    yield [*_result("arc", verdict.arc.result), *_comment(verdict.arc.sealer)]


def _signature(signature: DkimResult) -> list[str]:
    return _result(
        "dkim",
        signature.result,
        ("header.d", signature.domain),
        ("header.i", signature.auid),
        ("header.s", signature.selector),
        ("header.a", signature.algorithm),
    )


def _result(method: str, result: AuthResult, *properties: tuple[str, str]) -> list[str]:
    return [f"{method}={result}", *(f"{name}={_value(value)}" for name, value in properties if value)]


def _comment(sealer: str) -> list[str]:
    # No property is registered for the sealer (RFC 8617 s10.1), so it is told to people.
    return ["(sealed by", f"{re.sub(r'[^A-Za-z0-9.-]', '?', sealer[:MAX_VALUE])})"] if sealer else []


def _value(text: str) -> str:
    text = _UNPRINTABLE.sub("?", text[:MAX_VALUE])
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _folded(words: list[str], indent: str) -> str:
    lines = [indent + words[0]]
    for word in words[1:]:
        # One column is kept for the semicolon.
        if len(lines[-1]) + 1 + len(word) < _MAX_LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{indent}    {word}")
    return "\r\n".join(lines)


# --- reading ---

_LEXEME: Final = re.compile(
    r"(?P<space>[ \t\r\n]+)|(?P<comment>\()|(?P<quoted>\"(?:[^\"\\]|\\.)*+\")|(?P<mark>[;=])"
    r"|(?P<word>[^ \t\r\n();=\"\\]+)",
    re.DOTALL,
)
_IN_COMMENT: Final = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

_Word = tuple[str, bool]
"""A word or a quoted string, unquoted, or one of `;` and `=`; True for these two."""


def _words(value: str) -> list[_Word] | None:
    """The lexemes of `value` without comments; None where it is no structured field (RFC 5322 s3.2)."""
    words: list[_Word] = []
    position = 0
    while position < len(value):
        match = _LEXEME.match(value, position)
        if match is None:
            return None
        position = match.end()
        if match["comment"]:
            end = _comment_end(value, position)
            if end is None:
                return None
            position = end
        elif match["quoted"]:
            words.append((_ESCAPED.sub(r"\1", match["quoted"][1:-1]), False))
        elif match["mark"] or match["word"]:
            words.append((match[0], bool(match["mark"])))
    return words


def _comment_end(value: str, position: int) -> int | None:
    """The end of the comment that begins before `position`; comments nest, and nesting is only counted."""
    depth = 1
    for match in _IN_COMMENT.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return None


def _segments(value: str) -> list[list[_Word]]:
    words = _words(value) if len(value) <= MAX_READ else None
    segments: list[list[_Word]] = [[]]
    for word in words or ():
        if word == (";", True):
            segments.append([])
        else:
            segments[-1].append(word)
    return segments


def _resinfos(value: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(method, result, properties) of each result. The first part is no result: the authserv-id, or ARC's i=."""
    for segment in _segments(value)[1:]:
        pairs = list(_pairs(segment))
        if pairs and segment[:1] == [(pairs[0][0], False)]:
            method = pairs[0][0].partition("/")[0].lower()
            yield method, pairs[0][1].lower(), {name.lower(): text for name, text in reversed(pairs[1:])}


def _pairs(segment: list[_Word]) -> Iterator[tuple[str, str]]:
    for index in range(1, len(segment) - 1):
        (name, odd), mark, (text, also) = segment[index - 1 : index + 2]
        if mark == ("=", True) and not odd and not also:
            yield name, text


def _authserv_id(value: str) -> str:
    """The authserv-id in lower case; empty where none can be read."""
    first = _segments(value)[0]
    return first[0][0].lower().rstrip(".") if first and not first[0][1] else ""
