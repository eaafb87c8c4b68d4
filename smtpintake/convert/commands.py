"""Commands at the top of a mail: lines such as `#status closed`, before anything else that the author wrote.

    block   = *( command / blank )               ; ends before the first line that is neither
    command = "#" word [ 1*WSP value ] *WSP      ; a whole line of at most 200 characters
    word    = ALPHA *29( ALPHA / "-" )           ; in any case
    value   = 1*VCHAR *( *WSP 1*VCHAR )          ; VCHAR with all that UTF-8 can print
    blank   = *WSP                               ; ABNF of RFC 5234, line by line

Contract: pure, total and linear. Reads what it is given and grants nothing: whose commands count, and for what, is for
`smtpintake.decide.commands`. Only the plain text of the mail itself is read, from its very first line, so what is
quoted, forwarded or hidden in HTML never is a command: a quotation begins with a mark, a header block or an
attribution, each of which ends the block before it. At most `MAX_COMMANDS` lines count; what comes then is text.
"""

import html as entities
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_COMMANDS: Final = 20
MAX_LINE: Final = 200

_COMMAND: Final = re.compile(r"#([A-Za-z][A-Za-z-]{0,29})(?:[ \t]+(\S.*))?")


@dataclass(frozen=True, slots=True)
class Command:
    """`word` is in lower case; `value` is what follows it, empty where nothing does; `line` is both as written."""

    word: str
    value: str
    line: str


@dataclass(frozen=True, slots=True)
class CommandBlock:
    """The commands of a mail, at least one, and its text and HTML without any of them. `html` is None where they could
    not be taken out for certain.
    """

    commands: tuple[Command, ...]
    text: str
    html: str | None


def command_block(text: str, html: str | None) -> CommandBlock | None:
    """The block that `text` begins with, or None. `html` is sanitised, and says the same."""
    if not text[:MAX_LINE].lstrip().startswith("#"):
        return None
    lines = text.split("\n")
    commands: list[Command] = []
    end = 0
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        command = parse(line) if len(commands) < MAX_COMMANDS else None
        if command is None:
            break
        commands.append(command)
        end = number + 1
    if not commands:
        return None
    rest = "\n".join(lines[end:]).strip("\n")
    return CommandBlock(tuple(commands), rest, without(html, commands) if html else None)


def parse(line: str) -> Command | None:
    """The command that a line is, or None."""
    line = line.rstrip()
    if len(line) > MAX_LINE or (not line.isprintable() and not line.replace("\t", " ").isprintable()):
        return None
    match = _COMMAND.fullmatch(line)
    return Command(match[1].lower(), match[2] or "", line) if match else None


def put_back(kept: Sequence[Command], block: CommandBlock) -> tuple[str, str | None]:
    """Text and HTML of the mail with those of its commands that stay text."""
    lines = [command.line for command in kept]
    text = "\n".join([*lines, "", block.text] if lines and block.text else [*lines, block.text]).strip("\n")
    if block.html is None:
        return text, None
    return text, "".join([*(f"<p>{entities.escape(line)}</p>" for line in lines), block.html])


# ---- the same lines in HTML ------------------------------------------------------------------------------------------


def without(html: str, commands: Iterable[Command]) -> str | None:
    """`html` without the lines that it begins with too; None where it begins otherwise."""
    body = LexborHTMLParser(html).body
    if body is None:
        return None
    texts = (node for node in body.traverse(include_text=True) if node.is_text_node)
    of_commands: list[LexborNode] = []
    for command in commands:
        nodes = _nodes_of(texts, "".join(command.line.split()))
        if nodes is None:
            return None
        of_commands += nodes
    for node in of_commands:
        _remove(node)
    return (body.inner_html or "").strip()


def _nodes_of(texts: Iterator[LexborNode], wanted: str) -> list[LexborNode] | None:
    """The text nodes that are `wanted` together, white space aside: an address may be a link. None where they are
    not.
    """
    found: list[LexborNode] = []
    for node in texts:
        said = "".join((node.text_content or "").split())
        if not wanted.startswith(said):
            return None
        found.append(node)
        wanted = wanted[len(said) :]
        if not wanted:
            return found
    return None


def _remove(node: LexborNode) -> None:
    """Remove `node`, the line break behind it, and the elements that hold nothing else."""
    following = node.next
    if following is not None and following.tag == "br":
        following.decompose()
    parent = node.parent
    node.decompose()
    while parent is not None and parent.tag not in ("body", "html") and parent.child is None:
        above = parent.parent
        parent.decompose()
        parent = above
