"""The conditions of automations and steps; a new one is a file and a line of the tuple."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from automations.conditions.all_of import AllOf
from automations.conditions.any_of import AnyOf
from automations.conditions.base import Condition
from automations.conditions.language_is import LanguageIs
from automations.conditions.lead_is_open import LeadIsOpen
from automations.conditions.not_of import Not
from automations.conditions.source_is import SourceIs
from automations.conditions.stage_is import StageIs

CONDITIONS = (LanguageIs, SourceIs, StageIs, LeadIsOpen, AllOf, AnyOf, Not)

if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = Annotated[Union[CONDITIONS], Field(discriminator="kind")]  # noqa: UP007
    for _kind in CONDITIONS:
        _kind.model_rebuild(_types_namespace={"AnyCondition": AnyCondition})
