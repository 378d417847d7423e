"""What triggers, conditions and steps have in common."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from automations.names import Names
from crm.web.language import _


class Part(BaseModel):
    """A typed part of a sequence, told apart by `kind`; frozen, and strict about its fields.

    Text that cannot be stored is refused by the definition around it.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, serialize_by_alias=True
    )

    label: ClassVar[str]
    kind: str

    def words(self, names: Names) -> str:
        """Return what this part says, in the reader's language."""
        return _(self.label)
