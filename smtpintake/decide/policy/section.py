"""`Section`: what every table of the policy file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the policy file: immutable, and an unknown key is a fault rather than a silent typo."""

    # An alias is the key's name where that is a word of Python. A table is read as a part of the whole, so its own
    # validator is built only where it is asked for: with those of all, a start would take a tenth longer.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, serialize_by_alias=True)
