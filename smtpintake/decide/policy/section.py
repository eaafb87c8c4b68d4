"""`Section`: what every table of the policy file is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the policy file: immutable, and an unknown key is a fault rather than a silent typo."""

    # An alias is the key's name where that is a word of Python.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, serialize_by_alias=True)
