"""A Document from what a TOML or JSON file holds.

Contract: every fault at once (PolicyError), those of what one table says of another too.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from smtpintake.decide.faults import Fault, validation_faults
from smtpintake.decide.policy.crosscheck import cross_faults
from smtpintake.decide.policy.document import Document


class PolicyError(ValueError):
    """A policy file is wrong; `faults` lists everything that is."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.key}: {fault.what}" for fault in faults))
        self.faults = faults


def read_document(data: Mapping[str, object]) -> Document:
    """A Document from parsed TOML or JSON. Raises PolicyError with every fault, those of cross references too."""
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        raise PolicyError(validation_faults(error, Document)) from error
    document = _with_default_project(document)
    if faults := tuple(cross_faults(document)):
        raise PolicyError(faults)
    return document


def _with_default_project(document: Document) -> Document:
    """`document`, where an inbox that names no project has the default one."""
    default = next((project.key for project in document.project if project.default), "")
    inboxes = (inbox if inbox.project else inbox.model_copy(update={"project": default}) for inbox in document.inbox)
    return document.model_copy(update={"inbox": tuple(inboxes)})
