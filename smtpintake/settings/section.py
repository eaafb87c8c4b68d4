"""`Section`: what every table of the settings is: frozen, and a key that it does not know is a fault."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
