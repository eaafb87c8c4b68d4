"""Any policy document at all: a strategy that is read off the model, so a new setting is tried as soon as it exists.

A value is drawn by the JSON schema of its key. What one table must not say of another is mended afterwards: whatever
`read_document` finds fault with is taken out, until it finds none.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from smtpintake.decide.policy import Document, PolicyError, read_document

NAMES: Final = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
ADDRESSES: Final = [f"{local}@{domain}" for local in "abcdef" for domain in ("example.org", "bücher.example")]
DOMAINS: Final = ["a.example", "*.b.example", "c.example", "customer.example"]
FORMATS: Final[dict[str, st.SearchStrategy[str]]] = {
    "address": st.sampled_from(ADDRESSES),
    "address, or `@domain`": st.sampled_from([*ADDRESSES, "@example.org", "@else.example"]),
    "domain": st.sampled_from(DOMAINS),
    "permission": st.sampled_from(["agent", "comment", "view", "create", "create:incident", "create:task"]),
    "pattern": st.one_of(NAMES.filter(str.strip), st.sampled_from(["@b.example", "A@Example.org", "noreply"])),
}
# What several tables have to agree on.
SHARED: Final[dict[str, list[str]]] = {
    "project": ["SUP", "SUP", "OPS"],
    "issue_type": ["", "incident", "task"],
    "organisation": ["", "Acme", "Beta", 'Quote " and \\'],
    "inbox": ["one", "two", "three"],
    "inboxes": ["one", "two", "three"],
    "header": ["X-Kind", "List-Id"],
    "attachment": ["application/pdf", "image/*"],
    "inbox.attachments.denied": ["application/pdf", "image/*", ".exe", "*"],
    "inbox.attachments.allowed": ["application/pdf", "image/*", ".exe", "*"],
    "project.key": ["SUP", "OPS"],
    "project.issue_types.name": ["incident", "task", "Änderung"],
    "project.issue_types.prefix": ["IN", "TK", "RQ", "TC", "RL"],
    "inbox.name": ["one", "two", "three"],
    "organisation.name": ["Acme", "Beta", 'Quote " and \\'],
    "person.roles": ["SUP", "OPS"],
    "person.permissions": ["SUP", "OPS"],
}
_STEP: Final = re.compile(r"(\w+)(?:\[(\d+)\])?")

Schema = Mapping[str, Any]
Values = st.SearchStrategy[Any]


@cache
def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Documents as TOML has them; `read_document` takes each."""
    whole = Document.model_json_schema()
    return _values(whole, whole["$defs"], "").map(mended)


def mended(data: dict[str, Any]) -> dict[str, Any]:
    """`data` without what is wrong in it: it gets smaller until nothing is."""
    while True:
        try:
            read_document(data)
        except PolicyError as error:
            _take_out(data, error.faults[0].key)
        else:
            return data


def _take_out(data: dict[str, Any], key: str) -> None:
    """Remove what `key`, such as `inbox[1].project`, leads to; the table that it is missing in; or, of a list of tables
    where no number says which, the last one.
    """
    steps = [step for name, number in _STEP.findall(key) for step in ((name, int(number)) if number else (name,))]
    place: Any = data
    found: list[tuple[Any, str | int]] = []
    for step in steps:
        if not _has(place, step):
            break
        found.append((place, step))
        place = place[step]
    if isinstance(place, list) and place and len(found) < len(steps):
        place.pop()
    else:
        holder, step = found[-1]
        del holder[step]


def _has(place: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(place, list) and step < len(place)
    return isinstance(place, dict) and step in place


# ---- a value of each kind ------------------------------------------------------------------------------------------


def _values(schema: Schema, defs: Schema, path: str) -> Values:
    if "$ref" in schema:
        return _values(defs[schema["$ref"].rpartition("/")[2]], defs, path)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.one_of([_values(each, defs, path) for each in schema["anyOf"] if each.get("type") != "null"])
    return _KINDS[schema["type"]](schema, defs, path)


def _table(schema: Schema, defs: Schema, path: str) -> Values:
    if "properties" not in schema:
        return st.dictionaries(_text({}, defs, path), _values(schema["additionalProperties"], defs, path), max_size=3)
    keys = {key: _values(inner, defs, f"{path}.{key}".lstrip(".")) for key, inner in schema["properties"].items()}
    required = set(schema.get("required", ())) | (set(keys) if not path else set())
    return st.fixed_dictionaries(
        {key: keys[key] for key in keys if key in required},
        optional={key: keys[key] for key in keys if key not in required},
    )


def _list(schema: Schema, defs: Schema, path: str) -> Values:
    least = {"project": 2, "inbox": 1}.get(path, schema.get("minItems", 0))
    return st.lists(_values(schema["items"], defs, path), min_size=least, max_size=max(least, 3), unique_by=_name)


def _name(value: Any) -> str:
    """What tells tables apart, and any other values."""
    return str(value.get("key") or value.get("name") or value) if isinstance(value, dict) else repr(value)


def _text(schema: Schema, _: Schema, path: str) -> Values:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    shared = SHARED.get(path) or SHARED.get(path.rpartition(".")[2])
    if shared:
        return st.sampled_from(shared)
    least, most = schema.get("minLength", 0), schema.get("maxLength", 12)
    if "pattern" in schema:
        found = st.from_regex(schema["pattern"].replace("$", r"\Z"), alphabet=st.characters(exclude_categories=["Cs"]))
        return found.filter(lambda text: least <= len(text) <= schema.get("maxLength", 200))
    return st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=least, max_size=min(most, least + 12))


def _number(schema: Schema, _: Schema, __: str) -> Values:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    most = schema.get("maximum", schema.get("exclusiveMaximum", 10**6 + 1) - 1)
    return st.integers(least, most)


_KINDS: Final = {
    "object": _table,
    "array": _list,
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda *_: st.booleans(),
}
