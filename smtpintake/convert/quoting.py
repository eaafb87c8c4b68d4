"""The signs of quoted history in a plain text: attribution lines, header blocks, `>` prefixes, in many languages.

Contract: pure, total and linear: every expression is anchored at a line of bounded length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from smtpintake.convert.forwardlocales import Label, announces, field

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs", "ja", "ko", "zh")

_MAX: Final = 400  # characters of an attribution

_WROTE: Final = (
    "wrote|writes|schrieb|a écrit|escribió|escribi[óo]|escreveu|ha scritto|scrisse|schreef|skrev|napisał|napisała"
    r"|napisał\(a\)|napsal|napsal\(a\)|napísal|kirjoitti|írta|ezt írta|a scris|yazdı|написал|написала|пише"
    "|написав|написа|пользователь|έγραψε|kirjutas|napisao|je napisao|写道|寫道|のメール|님이 작성|さんは書きました"
    "|schreven|hat geschrieben"
)
_VERB: Final = re.compile(rf"(?:^|[\s>)\]\"',、，])(?:{_WROTE})|[0-9](?:写道|寫道)", re.IGNORECASE)
_WHEN: Final = re.compile(
    r"\b[0-9]{1,2}[:.h][0-9]{2}\b|\b(?:19|20)[0-9]{2}\b|[0-9]{1,2}[月월]|[0-9]{1,2}[./][0-9]{1,2}[./]"
)
_WHO: Final = re.compile(r"[^\s<>@]@[^\s<>@]")
_YEAR_AND_TIME: Final = re.compile(r"(?=.*(?:19|20)[0-9]{2}).*[0-9]{1,2}[:.h][0-9]{2}")
_OPENING_WORDS: Final = r"(?:-{2,}+\s*)?(?:(?:On|Am|Le|El|Em|Il|Op|Den|Dne|Dnia|Dňa|W dniu|În|Pe|På|Στις|Dana)\b|在)"
_OPENS: Final = re.compile(rf"{_OPENING_WORDS}|[0-9]{{1,4}}[-./年년 ]|于|於", re.IGNORECASE)
# Nothing of it is missing: it has its opening words, or its year and something before that.
_BEGUN: Final = re.compile(
    rf"{_OPENING_WORDS}|(?!(?:19|20)[0-9]{{2}}(?!\s?[-/年년])).*(?:19|20)[0-9]{{2}}", re.IGNORECASE
)
# The first of two lines has who: `Sam Roe <sam@example.org>, 3 Kas 2025 Pzt,`; in Hungarian `… ezt írta (időpont:`.
_SENDER_FIRST: Final = re.compile(
    r"[^<>]{1,80}<[^<>\s@]{1,200}@[^<>\s]{1,200}>(?:,\s.{0,30}(?:19|20)[0-9]{2}|\s?[于於][0-9]{4}|\sezt írta\b)"
)
# `2013/7/20 Sam <sam@example.org>`: Gmail without a verb.
_DATED_SENDER: Final = re.compile(
    r"[0-9]{4}(?:[-/.][0-9]{1,2}[-/.][0-9]{1,2}\b|[年년]\s?[0-9]{1,2}[月월]\s?[0-9]{1,2}[日일])"
    r".{0,200}<\s?[^<>\s@]+@[^<>\s]+>[:：]?"
)
# `Sam <sam@example.org>, 4.3.2026 11:30:`: K-9 without a verb.
_SENDER_DATED: Final = re.compile(r"[^<>]{1,80}<[^<>\s@]{1,200}@[^<>\s]{1,200}>,\s.{6,60}[:：]")
# `>>> Sam <sam@example.org> 3/2/2026 10:15 AM >>>`: GroupWise, which marks nothing of what follows.
_BETWEEN_MARKS: Final = re.compile(r">>> [^>\s].{0,300} >>>")
# `Sam <sam@example.org> writes:`: Gnus.
_UNDATED: Final = re.compile(rf"[^<>]{{1,80}}<[^<>\s@]{{1,200}}@[^<>\s]{{1,200}}>\s(?:{_WROTE})\s?[:：]", re.IGNORECASE)
_ORIGINAL: Final = re.compile(
    r"\s*[-_*]{2,}+\s?(?:Original (?:Message|Appointment)|Ursprüngliche Nachricht|Originalnachricht|Message d'origine"
    r"|Message original|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht"
    r"|Ursprungligt meddelande|Oprindelig meddelelse|Opprinnelig melding|Alkuperäinen viesti|Wiadomość oryginalna"
    r"|Původní zpráva|Исходное сообщение|原始邮件|原始郵件|元のメッセージ|원본 메시지"
    rf"|.{{1,200}}\s(?:{_WROTE})\s?:)\s?[-_*]{{2,}}\s*(?P<head>\S.*)?$",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"[ \t]*(?:[>|][ \t]*)+")
_LINE: Final = re.compile(r"\s*(?:_{5,}|-{3,}|\*(?: ?\*){2,})\s*$")  # above a header block
# What the author says where answers stand in the quotation. Nothing else marks them below a header block.
_POINTS_BELOW: Final = re.compile(
    r"\b(?:below|in-?line|interleaved|in (?:red|blue|green|bold|colou?r)|unten|dazwischen|im Text"
    r"|in (?:Rot|Blau|Grün|Farbe)|ci-dessous|plus bas|en (?:rouge|bleu|vert|gras)|abajo|a continuación"
    r"|en (?:rojo|azul|verde)|abaixo|em (?:vermelho|azul|verde)|sotto|di seguito|in (?:rosso|blu|verde)|hieronder"
    r"|onderstaand|in het (?:rood|blauw|groen)|nedan|nedenfor|nedenunder|herunder|i rött|i blått|med rødt|punaisella"
    r"|poniżej|na (?:czerwono|niebiesko)|níže|nižšie|červeně|alább|pirossal|mai jos|cu roșu|aşağıda|aşağıdaki|kırmızı"
    r"|ниже|красным|нижче|червоним|παρακάτω)\b|下記|以下に|赤字|아래|빨간|下面|下方|见下|見下|红色|紅色",
    re.IGNORECASE,
)
_MAX_OWN: Final = 8 << 10  # characters in which the author may say so
SENT_FROM: Final = re.compile(
    r"[\s(<]*(?:Sent (?:from my |from a phone|(?:from|via|with|by) (?:mobile|galaxy|airmail|outlook|yahoo|proton|mail\b"
    r"|\[mail\]|mailbox|windows mail))|From my (?:iphone|ipad|phone|mobile)|Get \[?Outlook for|Gesendet (?:von|mit) "
    r"|Von meinem .{2,30} gesendet|Diese Nachricht wurde von meinem|Envoyé (?:de|depuis)|Enviado (?:desde|do|de) "
    r"|Inviato da|Verzonden (?:vanaf|met|via)|Wysłano z|Skickat från|Sendt fra|Lähetetty|Odesláno z"
    r"|Отправлено (?:с|из)|发自我的|從我的 .{1,30}傳送|iPhoneから送信|내 .{1,20}에서 보냄)",
    re.IGNORECASE,
)


_MAX_HEADER: Final = 16  # lines, blank ones included
_LOOK_BACK: Final = 6  # lines, blank ones included, into which clients break an attribution


@dataclass(frozen=True, slots=True)
class Quotation:
    """Where older text begins: `line` is the first line of it or of its attribution, `body` the first line behind the
    attribution. `mark` is what the quoted lines begin with; without one, all that follows is older.
    """

    line: int
    body: int
    mark: str


def first_quotation(lines: list[str], *, old: bool = False) -> Quotation | None:
    """The first quotation that is certain to be one. What is forwarded is none: it is there to be read. `old` where all
    lines are known to be quoted: then what looks like an attribution is one.
    """
    return next(quotations(lines, old=old), None)


def quotations(lines: list[str], *, old: bool = False) -> Iterator[Quotation]:
    """What announces older text, in order, and each first line of a quotation that nothing announces."""
    end = 0
    marked = False
    for number, line in enumerate(lines):
        if number < end or not line or (len(line) > _MAX and not line.startswith("----")):
            continue
        found = _attribution(lines, number, old=old) if line[-1] in ":：->" else None
        if found is not None:
            pass
        elif line[0] == ">" or line.lstrip()[0] == ">":
            found = None if marked else Quotation(number, number, ">")
            marked = True
        elif announces(line):
            return
        elif ":" in line[:40] or "：" in line[:20] or line.lstrip()[0] in "-_*":
            found = _header(lines, number)
        if found is not None and found.line >= end:
            marked = found.mark != ""
            end = found.body
            yield found


def attributions(lines: list[str]) -> Iterator[range]:
    """The lines of each attribution in an older text, where one may stand in another: `On … wrote:`."""
    for number, line in enumerate(lines):
        if line and line[-1] in ":：-":
            begin = max(0, number - _LOOK_BACK)
            nearby = [bare(line) for line in lines[begin : number + 1]]
            if len(nearby[-1]) <= _MAX and (found := _attribution(nearby, number - begin, old=True)):
                yield range(begin + found.line, number + 1)


@lru_cache(maxsize=256)
def folded(separators: tuple[str, ...]) -> tuple[str, ...]:
    """`separators` as they are looked for: in one case, with single spaces, and none that is blank."""
    return tuple(filter(None, (" ".join(separator.casefold().split()) for separator in separators)))


def separating(lines: list[str], separators: tuple[str, ...]) -> Iterator[int]:
    """The numbers of the lines that hold one of `separators`, quoted or not."""
    wanted = folded(separators)
    sign = "--" if all(separator.startswith("--") for separator in wanted) else ""  # few lines have it
    for number in [number for number, line in enumerate(lines) if sign in line]:
        if len(lines[number]) <= _MAX:
            said = " ".join(lines[number].casefold().split())
            if any(separator in said for separator in wanted):
                yield number


def shows_signs(lines: list[str]) -> bool:
    """True where anything looks as if an older mail were in the text."""
    return any(
        line[0] in "|>" or "-----" in line or "_____" in line or (line[-1] in ":：" and _VERB.search(line[-_MAX:]))
        for line in lines
        if line
    ) and not any(map(announces, lines))


def unquoted(lines: list[str], mark: str) -> list[str]:
    """The lines that do not bear `mark`."""
    return [line for line in lines if not (line.startswith(mark) or bears(line, mark))]  # most are told without a call


def is_one_block(lines: list[str], mark: str) -> bool:
    """True where all lines with `mark` come before all others."""
    last = max((number for number, line in enumerate(lines) if bears(line, mark)), default=-1)
    return not any(line and not bears(line, mark) for line in lines[:last])


def bare(line: str) -> str:
    """`line` without the marks that it begins with."""
    return line[marks.end() :] if (marks := _MARKS.match(line)) else line


def bears(line: str, mark: str) -> bool:
    """True where `line` begins with `mark`."""
    return line.startswith(mark) or line[:4].lstrip().startswith(mark)  # nearly all that bear it are told by the first


def _attribution(lines: list[str], end: int, *, old: bool) -> Quotation | None:
    """`On … wrote:` that ends at line `end`, on one line or broken into several."""
    joined = ""
    found: int | None = None
    text = ""
    for start in range(end, max(-1, end - _LOOK_BACK), -1):
        line = lines[start].strip()
        if not line and not joined.startswith("<"):
            break
        joined = f"{line} {joined}".strip()
        if len(joined) > _MAX:
            break
        # The nearest line that makes it one, unless it lacks what the one before has: the opening words, or who.
        if found is None:
            goes_on = True
        elif _SENDER_FIRST.match(joined):
            goes_on = _WHO.search(text) is None
        else:
            goes_on = _OPENS.match(joined) is not None and _BEGUN.match(text) is None
        if goes_on and is_attribution(joined):
            found, text = start, joined
    undated = found is None and _UNDATED.fullmatch(lines[end].strip()) is not None
    if undated:
        found, text = end, lines[end].strip()
    if found is None:
        return None
    body = end + 1
    while body < len(lines) and not lines[body]:
        body += 1
    mark = lines[body].lstrip()[0] if body < len(lines) else ""
    if mark in (">", "|"):
        return Quotation(found, body, mark)
    if undated:
        return None
    # Nothing marks what follows as old: then the attribution must leave no doubt.
    certain = old or _WHO.search(text) or text.endswith(" >>>") or (_OPENS.match(text) and _YEAR_AND_TIME.match(text))
    return Quotation(found, body, "") if certain else None


def is_attribution(text: str) -> bool:
    """True where the line `text` announces whose words follow."""
    if len(text) > _MAX:
        return False
    if _DATED_SENDER.fullmatch(text):
        return True
    if (text.endswith((">:", ">：")) or _SENDER_DATED.fullmatch(text)) and _YEAR_AND_TIME.match(text):
        return True
    if text.endswith(" >>>"):
        return _BETWEEN_MARKS.fullmatch(text) is not None and _WHEN.search(text) is not None
    return text.endswith((":", "：", "----")) and bool(_VERB.search(text)) and bool(_WHEN.search(text))


def is_rule(line: str) -> bool:
    """True for the rule or the title that stands above an older mail."""
    return _LINE.match(line) is not None or is_title(line)


def is_title(line: str) -> bool:
    """True for the title of an older mail: `-----Original Message-----`."""
    title = _ORIGINAL.match(line[:_MAX])
    return title is not None and not title["head"]


def marked(lines: list[str]) -> list[bool]:
    """Of each line whether its mark says that it is older."""
    # Most are told by their ends, without a call.
    return [(line[:1] == ">" and line[-1:] != ">") or _is_marked(line) for line in lines]


def _is_marked(line: str) -> bool:
    return bears(line, ">") and not (line.endswith(" >>>") and is_attribution(line))


def points_below(text: str) -> bool:
    """True where the author says in `text` that there are answers below."""
    return _POINTS_BELOW.search(text[:_MAX_OWN]) is not None


def _header(lines: list[str], number: int) -> Quotation | None:
    """Outlook's `From: … Sent: … To: … Subject: …`, after a rule or a title or alone."""
    title = _ORIGINAL.match(lines[number][:_MAX])
    if title is not None and title["head"]:  # Samsung writes all of it on one line
        return Quotation(number, number, "") if _is_field(title["head"], of_author=True) else None
    titled = title is not None
    at = number
    if titled or _LINE.match(lines[number]):
        at = next((later for later in range(number + 1, min(number + 4, len(lines))) if lines[later]), number)
    if _is_field(lines[at], of_author=True):
        following = [line for line in lines[at + 1 : at + 9] if line][:3]
        if sum(map(_is_field, following)) >= 2 or titled:
            return Quotation(number, _end_of_header(lines, at + 1), "")
    if not titled:
        return None
    return Quotation(number, number + 1, ">" if at > number and bears(lines[at], ">") else "")


def _is_field(line: str, *, of_author: bool = False) -> bool:
    """True where `line` is of a header block: the field that names the author, or another."""
    found = field(line[:_MAX])
    return found is not None and (found.label is Label.FROM) is of_author and bool(found.value or not of_author)


def _end_of_header(lines: list[str], number: int) -> int:
    """The line behind the last of those that begin with the name of a field."""
    end = number
    for at in range(number, min(number + _MAX_HEADER, len(lines))):
        if lines[at] and not _is_field(lines[at]):
            break
        end = at + 1 if lines[at] else end
    return end
