"""What narrows a list: options that mean the same wherever they stand, and so have one name each; and the number of a
row that a list prints.
"""

from typing import Final

import click

from smtpintake.cli.since import SINCE

_LARGEST: Final = 2**63 - 1  # that a database can look for

INBOX: Final = click.option("--inbox", metavar="NAME")
ISSUE: Final = click.option("--issue", metavar="KEY")
SENDER: Final = click.option(
    "--from", "sender", metavar="TEXT", help="Part of the author's or the envelope sender's address."
)
RECIPIENT: Final = click.option("--to", "recipient", metavar="TEXT", help="Part of the recipient's address.")
SEARCH: Final = click.option(
    "--search", "part", metavar="TEXT", help="Part of a name or an address; of an issue, also of its title."
)
AFTER: Final = click.option("--since", metavar="WHEN", type=SINCE, help="30m, 2h, 7d, or a date.")
BEFORE: Final = click.option("--until", metavar="WHEN", type=SINCE, help="As --since; what came before.")


class RowNumber(click.ParamType[int]):
    """The number of a row that may be there."""

    name = "number"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= _LARGEST):
            self.fail(f"{value!r} is no number that a list or 'show' prints", param, ctx)
        return int(text)


ROW_NUMBER: Final = RowNumber()
