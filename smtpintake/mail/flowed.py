"""text/plain; format=flowed (RFC 3676): paragraphs that were broken into lines for old readers, put together again.

Contract: total and linear.
"""


def unflow(text: str, *, delete_space: bool) -> str:
    """`text` with its soft line breaks removed; `delete_space` is the parameter DelSp."""
    lines: list[str] = []
    paragraph: list[str] = []
    paragraph_depth = 0
    for line in text.split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")  # s4.4: space-stuffing
        if paragraph and depth != paragraph_depth:  # s4.5: a quote depth that changes ends the paragraph
            lines.append(_quoted("".join(paragraph), paragraph_depth))
            paragraph = []
        paragraph_depth = depth
        soft = content.endswith(" ") and content != "-- "  # s4.3: a signature's line is never flowed
        if soft:
            paragraph.append(content[:-1] if delete_space else content)
            continue
        lines.append(_quoted("".join(paragraph) + content, depth))
        paragraph = []
    if paragraph:
        lines.append(_quoted("".join(paragraph), paragraph_depth))
    return "\n".join(lines)


def _quoted(content: str, depth: int) -> str:
    return f"{'>' * depth} {content}" if depth else content
