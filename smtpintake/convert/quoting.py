"""The signs of quoted history in a plain text: attribution lines, header blocks, `>` prefixes, in many languages.

Contract: pure, total and linear: every expression is anchored at a line of bounded length.
"""

import re
from dataclasses import dataclass
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs", "ja", "ko", "zh")

_MAX: Final = 400  # characters of an attribution, which clients break into up to _LINES lines
_LINES: Final = 4

_WROTE: Final = (
    "wrote|writes|schrieb|a écrit|escribió|escribi[óo]|escreveu|ha scritto|scrisse|schreef|skrev|napisał|napisała"
    r"|napisał\(a\)|napsal|napsal\(a\)|napísal|kirjoitti|írta|ezt írta|a scris|yazdı|написал|написала|пише|написав"
    "|пользователь|έγραψε|kirjutas|napisao|je napisao|写道|寫道|のメール|님이 작성|さんは書きました|schreven"
    "|hat geschrieben"
)
_VERB: Final = re.compile(rf"(?:^|[\s>)\]\"',、，])(?:{_WROTE})", re.IGNORECASE)
_ENDS: Final = re.compile(r"[:：]\s*$|-{4}\s*$")
_WHEN: Final = re.compile(
    r"\b[0-9]{1,2}[:.h][0-9]{2}\b|\b(?:19|20)[0-9]{2}\b|[0-9]{1,2}[月월]|[0-9]{1,2}[./][0-9]{1,2}[./]"
)
_WHO: Final = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?|<[^<>]*$")
_STARTS: Final = re.compile(
    r"\s*(?:-{2,}\s*)?(?:On|Am|Le|El|Em|Il|Op|Den|Dne|Dnia|Dňa|W dniu|În|Pe|På|Am|Στις|Kuupäeval|Dana|[0-9]|在|于|於|["
    r"\"<\w])",
    re.IGNORECASE,
)
# `2013/7/20 Sam <sam@example.org>`: Gmail without a verb.
_DATED_SENDER: Final = re.compile(r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}\b.{0,200}<[^<>\s]+@[^<>\s]+>:?\s*$")
_ORIGINAL: Final = re.compile(
    r"\s*[-_*]{2,}\s?(?:Original (?:Message|Appointment)|Ursprüngliche Nachricht|Originalnachricht|Message d'origine"
    r"|Message original|Mensaje original|Mensagem original|Messaggio originale|Oorspronkelijk bericht"
    r"|Ursprungligt meddelande|Oprindelig meddelelse|Opprinnelig melding|Alkuperäinen viesti|Wiadomość oryginalna"
    r"|Původní zpráva|Исходное сообщение|原始邮件|原始郵件|元のメッセージ|원본 메시지)\s?[-_*]{2,}\s*$",
    re.IGNORECASE,
)
_RULE: Final = re.compile(r"\s*(?:_{20,}|-{20,})\s*$")
_FROM: Final = (
    "From|Von|De|Da|Van|Od|Från|Fra|Lähettäjä|Feladó|De la|Gönderen|Kimden|От|Від|От кого|Από|Saatja|发件人|寄件者"
    "|差出人|보낸 사람|보낸사람"
)
_LABELS: Final = (
    "Sent|Date|To|Cc|Subject|Reply-To|Gesendet|Datum|An|Betreff|Envoyé|À|Objet|Enviado|Enviado el|Enviada em|Data|Para"
    "|Asunto|Assunto|Fecha|Inviato|A|Oggetto|Verzonden|Aan|Onderwerp|Wysłano|Do|Temat|DW|Skickat|Till|Ämne|Kopia|Sendt|Til|Emne"
    "|Dato|Odesláno|Komu|Předmět|Predmet|Lähetetty|Vastaanottaja|Aihe|Elküldve|Címzett|Tárgy|Trimis|Către|Subiect|Tarih"
    "|Kime|Konu|Отправлено|Кому|Тема|Дата|Надіслано|发送时间|收件人|主题|抄送|日期|寄件日期|收件者|主旨|送信日時|宛先|件名"
    "|보낸 날짜|받는 사람|제목|Risposta"
)
_FROM_LINE: Final = re.compile(rf"[*\s]*(?:{_FROM})\s?[:：][*\s]*\S", re.IGNORECASE)
_LABEL_LINE: Final = re.compile(rf"[*\s]*(?:{_LABELS})\s?[:：]", re.IGNORECASE)
_PREFIX: Final = re.compile(r"\s{0,3}[>|]")
_SIGNS: Final = re.compile(
    rf"^\s*[>|]|{_WROTE}|^[*\s]*(?:{_FROM})\s?[:：]|^\s*[-_]{{5,}}|[0-9]{{4}}.*<[^<>]*@",
    re.IGNORECASE | re.MULTILINE,
)
SENT_FROM: Final = re.compile(
    r"\s*(?:Sent from (?:my|Outlook|Mail|Yahoo|Proton)|Get Outlook for|Gesendet von|Von meinem .{2,30} gesendet"
    r"|Envoyé (?:de|depuis)|Enviado (?:desde|do|de) |Inviato da|Verzonden (?:vanaf|met|via)|Wysłano z|Skickat från"
    r"|Sendt fra|Lähetetty|Odesláno z|Отправлено (?:с|из)|发自我的|iPhoneから送信|내 .{1,20}에서 보냄)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quotation:
    """Where older text begins: `line` is the first line of it or of its attribution, `body` the first line behind the
    attribution. `prefixed` tells whether the quoted lines are marked, so that others among them are the author's.
    """

    line: int
    body: int
    prefixed: bool


def shows_signs(lines: list[str]) -> bool:
    """True where anything looks as if an older mail were in the text."""
    return any(_SIGNS.search(line[:_MAX]) for line in lines)


def first_quotation(lines: list[str]) -> Quotation | None:
    """The first quotation that is certain to be one."""
    for number, line in enumerate(lines):
        if not line or len(line) > _MAX:
            continue
        if (found := _header_block(lines, number)) or (found := _attribution(lines, number)):
            return found
        if _PREFIX.match(line) and _block_length(lines, number) >= 1 and line.lstrip().startswith(">"):
            return Quotation(number, number, prefixed=True)
    return None


def unquoted(lines: list[str]) -> list[str]:
    """The lines that bear no quotation mark."""
    return [line for line in lines if not _PREFIX.match(line)]


def is_one_block(lines: list[str]) -> bool:
    """True where all quoted lines come before all that are not."""
    last_quoted = max((number for number, line in enumerate(lines) if _PREFIX.match(line)), default=-1)
    return not any(line and not _PREFIX.match(line) for line in lines[:last_quoted])


def _block_length(lines: list[str], number: int) -> int:
    return sum(1 for line in lines[number : number + 3] if _PREFIX.match(line))


def _attribution(lines: list[str], number: int) -> Quotation | None:
    """`On … wrote:`, on one line or broken into several."""
    if not _STARTS.match(lines[number]) or _PREFIX.match(lines[number]):
        return None
    joined = ""
    for end in range(number, min(number + _LINES + 3, len(lines))):
        line = lines[end]
        if end > number and not line and not joined.rstrip().endswith("<") and not _WHO_OPEN.search(joined):
            return None
        joined = f"{joined} {line}".strip()
        if len(joined) > _MAX:
            return None
        if _is_attribution(joined):
            body = end + 1
            while body < len(lines) and not lines[body]:
                body += 1
            prefixed = body < len(lines) and _PREFIX.match(lines[body]) is not None
            return Quotation(number, body, prefixed)
    return None


_WHO_OPEN: Final = re.compile(r"<[^<>]*$|\b[0-9]{1,2}:[0-9]{2}\b[^:]*$")


def _is_attribution(text: str) -> bool:
    if _DATED_SENDER.match(text):
        return True
    if not _ENDS.search(text) or not _VERB.search(text):
        return False
    return _WHEN.search(text) is not None and (_WHO.search(text) is not None or len(text) < 160)


def _header_block(lines: list[str], number: int) -> Quotation | None:
    """Outlook's `From: … Sent: … To: … Subject: …`, after a rule or a title or alone."""
    if _ORIGINAL.match(lines[number]):
        return Quotation(number, number + 1, _next_is_prefixed(lines, number + 1))
    at = number
    if _RULE.match(lines[number]):
        at = next((later for later in range(number + 1, min(number + 4, len(lines))) if lines[later]), number)
    if not _FROM_LINE.match(lines[at]):
        return None
    following = [line for line in lines[at + 1 : at + 9] if line][:3]
    if sum(_LABEL_LINE.match(line) is not None for line in following) < 2:
        return None
    return Quotation(number, at + 1, prefixed=False)


def _next_is_prefixed(lines: list[str], start: int) -> bool:
    first = next((line for line in lines[start:] if line), "")
    return _PREFIX.match(first) is not None
