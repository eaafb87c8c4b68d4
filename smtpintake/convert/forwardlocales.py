"""How mail clients head a mail that they pass on, in the languages of the common ones: a row a language, with what
Gmail, Apple Mail, Outlook, Thunderbird, Yahoo, HubSpot and their like write there. Gmail and others mix English labels
into every row.

Contract: data, and what is looked up in it. `marks` announce a forward; the labels are those of the header fields that
follow; `months` are twelve beginnings, the longest that fits counts. Letter case, and the hyphens and colons around, do
not matter. No label means two fields.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

MAX_MARK: Final = 120  # characters of a line that announces a forward
MAX_LABEL: Final = 40

COLONS: Final = ":："
_AROUND_MARK: Final = f"> \t\u00a0\ufeff-_*=.|{COLONS}"
_ENDS_MARK: Final = (*"-:*_= ", "：")
_SIGNS: Final = ("-----", ":\n", ": \n", ":*", "：")
_AROUND_LABEL: Final = "> \t\u00a0\ufeff*_|"


class Label(StrEnum):
    """What a line of the header block says."""

    FROM = "from"
    DATE = "date"
    SUBJECT = "subject"
    TO = "to"
    CC = "cc"
    OTHER = "other"  # what else a client shows


@dataclass(frozen=True, slots=True)
class Locale:
    """A row; `|` stands between alternatives, `/` between those of one month."""

    language: str
    marks: str
    author: str
    date: str
    subject: str
    to: str
    cc: str
    months: str = ""

    @property
    def labels(self) -> Iterator[tuple[str, Label]]:
        """Each label as it is written, and what it means."""
        columns = (self.author, self.date, self.subject, self.to, self.cc)
        for label, alternatives in zip(Label, columns, strict=False):
            yield from ((name, label) for name in alternatives.split("|"))


# fmt: off
LOCALES: Final = (
    Locale("en", "Forwarded message|Begin forwarded message", "From", "Date|Sent", "Subject", "To", "Cc",
           "jan feb mar apr may jun jul aug sep oct nov dec"),
    Locale("cs", "Přeposlaná zpráva|Začátek přeposílané zprávy", "Od", "Datum|Odesláno", "Předmět", "Komu", "Kopie",
           "led úno bře dub kvě červ červenc srp zář říj lis pro"),
    Locale("da", "Videresendt meddelelse|Videresendt besked|Start på videresendt besked", "Fra", "Dato|Sendt",
           "Emne", "Til", "Kopi", "jan feb mar apr maj jun jul aug sep okt nov dec"),
    Locale("de", "Weitergeleitete Nachricht|Anfang der weitergeleiteten Nachricht|Weitergeleitete E-Mail", "Von",
           "Datum|Gesendet|Gesendet am", "Betreff", "An", "Kopie|Kopie (CC)",
           "jan/jän feb mär apr mai jun jul aug sep okt nov dez"),
    Locale("el", "Προωθημένο μήνυμα", "Από", "Ημερομηνία|Στάλθηκε", "Θέμα", "Προς", "Κοιν.|Κοινοποίηση",
           "ιαν φεβ μαρ απρ μαι/μαΐ ιουν ιουλ αυγ σεπ οκτ νοε δεκ"),
    Locale("es", "Mensaje reenviado|Inicio del mensaje reenviado", "De", "Fecha|Enviado|Enviado el", "Asunto",
           "Para|A", "Copia", "ene feb mar abr may jun jul ago sep oct nov dic"),
    Locale("et", "Edastatud kiri|Edastatud sõnum", "Saatja", "Kuupäev|Saadetud", "Teema", "Saaja|Adressaat", "Koopia",
           "jaan veeb mär apr mai juun juul aug sep okt nov dets"),
    Locale("fi", "Välitetty viesti|Välitetty viesti alkaa|Edelleenlähetetty viesti", "Lähettäjä",
           "Päivämäärä|Lähetetty|Päiväys", "Aihe", "Vastaanottaja", "Kopio",
           "tam hel maa huh tou kes hei elo syy lok mar jou"),
    Locale("fr", "Message transféré|Message transmis|Début du message réexpédié|Début du message transféré"
           "|Message réexpédié", "De", "Date|Envoyé", "Objet|Sujet", "À|Pour", "Copie à|Copie",
           "jan fév mar avr mai juin juil aoû sep oct nov déc"),
    Locale("hr", "Proslijeđena poruka|Započni proslijeđenu poruku", "Šalje", "Datum|Poslano", "Predmet", "Prima",
           "Kopija", "sij velj ožu tra svi lip srp kol ruj lis stu pro"),
    Locale("hu", "Továbbított üzenet|Továbbított levél|Továbbított levél kezdete", "Feladó", "Dátum|Elküldve|Küldve",
           "Tárgy", "Címzett", "Másolat|Másolatot kap", "jan feb már ápr máj jún júl aug sze okt nov dec"),
    Locale("it", "Messaggio inoltrato|Inizio messaggio inoltrato|Messaggio Inoltrato", "Da", "Data|Inviato", "Oggetto",
           "A", "Cc", "gen feb mar apr mag giu lug ago set ott nov dic"),
    Locale("ja", "メッセージを転送|転送されたメッセージ|転送メッセージ", "送信元|差出人", "日付|送信日時|日時", "件名",
           "送信先|宛先", "CC"),
    Locale("ko", "전달된 메시지|전달된 메일", "보낸 사람|보낸사람", "보낸 날짜|날짜", "제목",
           "받는 사람|받는사람", "참조"),
    Locale("nl", "Doorgestuurd bericht|Begin doorgestuurd bericht", "Van", "Datum|Verzonden", "Onderwerp", "Aan",
           "Kopie", "jan feb maa/mrt apr mei jun jul aug sep okt nov dec"),
    Locale("no", "Videresendt melding", "Fra", "Dato|Sendt", "Emne", "Til", "Kopi",
           "jan feb mar apr mai jun jul aug sep okt nov des"),
    Locale("pl", "Przekazana wiadomość|Wiadomość przekazana|Przesłana wiadomość|Początek przekazywanej wiadomości",
           "Od", "Data|Wysłano", "Temat", "Do", "DW", "sty lut mar kwi maj cze lip sie wrz paź lis gru"),
    Locale("pt", "Mensagem reencaminhada|Mensagem encaminhada|Início da mensagem reencaminhada"
           "|Início da mensagem encaminhada", "De", "Data|Enviado|Enviada em", "Assunto", "Para", "Cc",
           "jan fev mar abr mai jun jul ago set out nov dez"),
    Locale("ro", "Mesaj redirecționat|Începe mesajul redirecționat", "De la|Expeditorul|Expeditor",
           "Data|Dată|Trimis|Trimis la", "Subiect|Subiectul", "Către|Destinatarul|Destinatar", "Copie",
           "ian feb mar apr mai iun iul aug sep oct noi/nov dec"),
    Locale("ru", "Пересылаемое сообщение|Пересланное сообщение|Начало переадресованного сообщения"
           "|Перенаправленное сообщение", "От|Отправитель|От кого", "Дата|Отправлено", "Тема", "Кому", "Копия",
           "янв фев мар апр ма июн июл авг сен окт ноя дек"),
    Locale("sk", "Preposlaná správa|Začiatok preposlanej správy", "Od", "Dátum|Odoslané", "Predmet", "Pre|Komu",
           "Kópia", "jan feb mar apr máj jún júl aug sep okt nov dec"),
    Locale("sv", "Vidarebefordrat mejl|Vidarebefordrat meddelande|Vidarebefordrat brev", "Från", "Datum|Skickat",
           "Ämne", "Till", "Kopia", "jan feb mar apr maj jun jul aug sep okt nov dec"),
    Locale("tr", "İletilen mesaj|Yönlendirilmiş ileti|İleti başlangıcı|İletilmiş ileti", "Kimden|Gönderen",
           "Tarih|Gönderildi", "Konu", "Kime|Alıcı", "Bilgi", "oca şub mar nis may haz tem ağu eyl eki kas ara"),
    Locale("uk", "Переслане повідомлення|Початок листа, що пересилається", "Від|Від кого", "Дата|Надіслано", "Тема",
           "Кому", "Копія", "січ лют бер кві тра чер лип сер вер жов лис гру"),
    Locale("zh", "转发的邮件|转发邮件信息|轉寄郵件|轉寄的郵件", "发件人|寄件者|發件人|寄件人",
           "发送时间|日期|寄件日期|傳送時間", "主题|主旨|主題", "收件人|收件者", "抄送|副本"),
)
# fmt: on
_OTHERS: Final = "Reply-To|Antwort an|Répondre à|Responder a|Rispondi a|Importance|Wichtigkeit|Attachments|Anlagen"
LABELS: Final = {
    **{name.casefold(): label for locale in LOCALES for name, label in locale.labels},
    **dict.fromkeys(_OTHERS.casefold().split("|"), Label.OTHER),
}
NAMES: Final = tuple(name for locale in LOCALES for name, _ in locale.labels)
_MARKS: Final = frozenset(mark.casefold() for locale in LOCALES for mark in locale.marks.split("|"))


def is_mark(line: str) -> bool:
    """True where the line says that a forwarded mail follows, and nothing else."""
    # Nearly every line ends otherwise, and is told quickly.
    return line.endswith(_ENDS_MARK) and len(line) <= MAX_MARK and line.strip(_AROUND_MARK).casefold() in _MARKS


def head_on_mark(line: str) -> str:
    """What stands behind the mark on the same line, as Yahoo has it: a whole header block; or an empty string."""
    text = line.lstrip()
    if not text.startswith("-----"):
        return ""
    phrase, _, head = text.lstrip("-").partition("-----")
    return head.strip() if is_mark(phrase) else ""


def shows_mark(text: str) -> bool:
    """True where a line of `text` announces a forwarded mail. Nearly every text shows no sign of it."""
    return any(sign in text for sign in _SIGNS) and any(map(announces, text.split("\n")))


def announces(line: str) -> bool:
    """True where a forwarded mail follows, on this line or below it."""
    return is_mark(line) or bool(head_on_mark(line))


class Field(NamedTuple):
    """A line of a header block: `name` is its label in lower case, as the client wrote it."""

    label: Label
    name: str
    value: str


def field(line: str) -> Field | None:
    """The field that `line` is, or None."""
    colons = [at for colon in COLONS if (at := line.find(colon, 1, MAX_LABEL)) > 0]
    if not colons:
        return None
    name = line[: min(colons)].strip(_AROUND_LABEL).casefold()
    label = LABELS.get(name)
    return Field(label, name, line[min(colons) + 1 :].strip(_AROUND_LABEL)) if label is not None else None


def months(author: str) -> dict[str, int]:
    """The beginnings of month names in the rows where `author`, in lower case, is a label for the author, and in
    English.
    """
    rows = [row for row in LOCALES if author in row.author.casefold().split("|")]
    return {
        name: number
        for row in (LOCALES[0], *rows)
        for number, names in enumerate(row.months.split(), 1)
        for name in names.split("/")
    }
