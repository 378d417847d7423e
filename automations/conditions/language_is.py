"""The condition on the person's language."""

from typing import ClassVar, Literal

from automations.conditions.base import Condition
from automations.facts import Facts
from automations.names import Names
from crm.core.errors import N_
from crm.web.language import _


class LanguageIs(Condition):
    """Holds for people who are written to in this language."""

    label: ClassVar[str] = N_("Language is")
    history: ClassVar[tuple[str, ...]] = ("field_changes:contacts.language",)
    kind: Literal["language_is"] = "language_is"
    language: Literal["en", "es"]

    def holds(self, facts: Facts) -> bool:
        """Return whether the person's language is this one."""
        return facts.language == self.language

    def words(self, names: Names) -> str:
        """Return which language it asks for."""
        return _("Language is Spanish") if self.language == "es" else _("Language is English")
