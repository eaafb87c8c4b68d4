"""`Fault`: one thing wrong with a file that somebody wrote, said so that they can mend it.

Contract: pydantic's errors become Faults with keys as a reader of TOML would write them (`inbox[1].project`); an
unknown key names the one that was probably meant, and all that are allowed there. A value is never repeated: it may be
a secret.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: where (`inbox[1].project`), and what is allowed there."""

    key: str
    what: str


def validation_faults(error: ValidationError, model: type[BaseModel]) -> tuple[Fault, ...]:
    """What `error` says of a value that should have become a `model`."""
    items = error.errors(include_url=False, include_input=False)
    return tuple(
        Fault(written_key(item["loc"]), _unknown(model, item["loc"]) if _is_unknown(item["type"]) else _said(item))
        for item in items
        if not _follows(item, items)
    )


def _follows(item: ErrorDetails, items: list[ErrorDetails]) -> bool:
    """A list is too short only because the items in it are wrong: that they are is said already."""
    depth = len(item["loc"])
    return item["type"] == "too_short" and any(
        len(other["loc"]) > depth and other["loc"][:depth] == item["loc"] for other in items
    )


def written_key(location: tuple[int | str, ...]) -> str:
    """`("inbox", 0, "name")` as `inbox[0].name`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")


def _is_unknown(kind: str) -> bool:
    return kind == "extra_forbidden"


def _said(item: ErrorDetails) -> str:
    return item["msg"].removeprefix("Value error, ")


def _unknown(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    allowed = sorted(_keys(_model_at(model, location[:-1])))
    meant = get_close_matches(str(location[-1]), allowed, n=1)
    question = f" did you mean {meant[0]!r}?" if meant else ""
    return f"there is no such key;{question} allowed are {', '.join(allowed)}"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the table at `location`, which steps through fields, and through items of lists."""
    for step in location:
        for name, field in model.model_fields.items():
            if step == (field.alias or name) and (inner := _model_in(field.annotation)) is not None:
                model = inner
    return model


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that `annotation` is, or is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _model_in(part)) is not None), None)
