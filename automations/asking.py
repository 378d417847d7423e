"""How the parts of a sequence are asked for: a label, a hint and a widget for each of their fields.

A kind says what is peculiar to it with `Annotated[..., Ask(...)]`; what fields of a name always
mean is known in `automations.building.fields`, so that most kinds say nothing.
"""

from dataclasses import dataclass
from typing import Literal

Widget = Literal["text", "words", "number", "time", "choice", "many", "list", "check", "hidden"]
"""`words` is a text of several lines, `many` several of the choices, `list` names with commas."""


@dataclass(frozen=True)
class Ask:
    """How a form asks for a field; what is left out follows from the field's type.

    `choices` names what of the clinic's can be chosen: see `automations.building.choices`.
    """

    label: str = ""
    hint: str = ""
    widget: Widget | None = None
    choices: str = ""
