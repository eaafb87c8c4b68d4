"""The tables of docs/policy.md, written from the policy's model and from the marks of our tests.

Contract: a setting is a leaf of the policy file, named by its keys: `inbox.auto_reply.enabled`. What it means is its
attribute's docstring in `smtpintake.decide`; which test shows it, a test says with
`@pytest.mark.setting("inbox.auto_reply.enabled")`. Read from source, so that nothing need be imported or run.
"""

import ast
import inspect
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from smtpintake.decide.policy import Document, Section

ROOT: Final = Path(__file__).resolve().parent.parent
POLICY: Final = ROOT / "docs" / "policy.md"

_REGION: Final = re.compile(r"(?P<begin><!-- settings of (?P<table>\w+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
_SHOWN: Final = re.compile(r"(?P<begin><!-- tests of settings -->\n).*?(?P<end><!-- end -->)", re.DOTALL)
_LONG: Final = 60  # what a default may have characters before it is only described
_WORDS: Final = {"string": "text", "integer": "number", "number": "number", "boolean": "true, false", "object": "table"}

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """`path` is the name, such as `inbox.defaults.priority`; `type`, `default` and `meaning` are as the table says."""

    path: str
    type: str
    default: str
    meaning: str
    is_table: bool

    @property
    def table(self) -> str:
        return self.path.partition(".")[0]

    @property
    def key(self) -> str:
        """As it is called within its table."""
        return self.path.partition(".")[2]


def settings() -> tuple[Setting, ...]:
    """Every key of the policy file, in the order of the model; a table is followed by what is in it."""
    whole = Document.model_json_schema()
    return tuple(_settings(whole, whole["$defs"], ""))


def _settings(table: Schema, defs: Schema, prefix: str) -> Iterator[Setting]:
    meanings = _meanings()[table["title"]]
    for key, schema in table["properties"].items():
        inner = _table_in(schema, defs)
        default = "required" if key in table.get("required", ()) else _written(schema.get("default"))
        meaning = _line(meanings.get(key, ""))
        yield Setting(prefix + key, _type(schema, defs), default, meaning, is_table=inner is not None)
        if inner is not None:
            yield from _settings(inner, defs, f"{prefix}{key}.")


@cache
def _meanings() -> Mapping[str, Mapping[str, str]]:
    """Table -> key -> the docstring of its attribute. Not by pydantic, which would read the source at each start of
    each process.
    """
    return {table.__name__: dict(_docstrings(table)) for table in _tables(Section)}


def _tables(base: type[Section]) -> Iterator[type[Section]]:
    for table in base.__subclasses__():
        yield table
        yield from _tables(table)


def _docstrings(table: type[Section]) -> Iterator[tuple[str, str]]:
    """A table has the keys of its bases, too."""
    for base in reversed(table.__mro__[: table.__mro__.index(Section)]):
        [body] = ast.parse(inspect.getsource(base)).body
        assert isinstance(body, ast.ClassDef)
        for attribute, behind in pairwise(body.body):
            match attribute, behind:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield table.model_fields[name].alias or name, text


def _table_in(schema: Schema, defs: Schema) -> Schema | None:
    """The table that a value of this kind is, or is a list of."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        return schema
    inside = [schema["items"]] if "items" in schema else [*schema.get("anyOf", ()), *schema.get("allOf", ())]
    if isinstance(schema.get("additionalProperties"), dict):
        inside.append(schema["additionalProperties"])
    return next((found for each in inside if (found := _table_in(each, defs)) is not None), None)


def _type(schema: Schema, defs: Schema) -> str:
    """What may stand there, in words; allowed values as they are written."""
    if "$ref" in schema:
        return _type(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{_plain(value)}`" for value in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(each, defs) for each in schema["anyOf"] if each.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list: {_type(schema['items'], defs)}"
    if "properties" in schema:
        return "table"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"table: {_type(values, defs)}"
    return str(schema.get("format") or _WORDS[schema["type"]])


def _written(value: object) -> str:
    """A default as the file would have it."""
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, dict):
        return ""  # the rows of its keys say
    text = _plain(value)
    return f"`{text}`" if len(text) <= _LONG else "built in"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# ---- which test shows it -------------------------------------------------------------------------------------------


def shown_by() -> dict[str, list[tuple[Path, str]]]:
    """Setting -> the tests that are marked with it: the file, and the function, or '' for the whole file."""
    found: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text("utf-8")
        if "mark.setting(" not in text:
            continue
        for test, path in _marks(ast.parse(text)):
            if (file, test) not in found[path]:
                found[path].append((file, test))
    return dict(found)


def _marks(module: ast.Module) -> Iterator[tuple[str, str]]:
    """(test, setting) for each mark: on a function, on one of its rows, or at the level of the module."""
    for statement in module.body:
        name = statement.name if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) else ""
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.setting"):
                for argument in node.args:
                    yield name, ast.literal_eval(argument)


# ---- the document --------------------------------------------------------------------------------------------------


def policy() -> str:
    """The whole of docs/policy.md, its tables written anew. Raises KeyError where a region names no table."""
    rows = defaultdict(list)
    for setting in settings():
        if setting.key:
            rows[setting.table].append(f"| `{setting.key}` | {setting.type} | {setting.default} | {setting.meaning} |")
    head = "| key | type | default | meaning |\n|---|---|---|---|\n"
    text = _REGION.sub(
        lambda region: region["begin"] + head + "".join(f"{row}\n" for row in rows[region["table"]]) + region["end"],
        POLICY.read_text("utf-8"),
    )
    return _SHOWN.sub(lambda region: region["begin"] + _tests() + region["end"], text)


def described_tables() -> set[str]:
    """The tables that docs/policy.md has a region for."""
    return {region["table"] for region in _REGION.finditer(POLICY.read_text("utf-8"))}


def _tests() -> str:
    shown = shown_by()
    rows = [
        f"| `{setting.path}` | {', '.join(_link(*test) for test in shown.get(setting.path, ()))} |\n"
        for setting in settings()
        if not setting.is_table
    ]
    return "| setting | shown by |\n|---|---|\n" + "".join(rows)


def _link(file: Path, test: str) -> str:
    name = test.removeprefix("test_").replace("_", " ") or file.stem.removeprefix("test_")
    return f"[{name}](../{file.relative_to(ROOT)})"
