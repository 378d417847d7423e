"""The conditions of automations and steps; a new one is a file and a line of the tuple."""

from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Field

from automations.conditions.all_of import AllOf
from automations.conditions.any_of import AnyOf
from automations.conditions.base import Condition
from automations.conditions.has_asked import HasAsked
from automations.conditions.has_email import HasEmail
from automations.conditions.has_not_replied import HasNotReplied
from automations.conditions.has_phone import HasPhone
from automations.conditions.has_replied import HasReplied
from automations.conditions.has_tag import HasTag
from automations.conditions.in_business_hours import InBusinessHours
from automations.conditions.language_is import LanguageIs
from automations.conditions.lead_is_older import LeadIsOlder
from automations.conditions.lead_is_open import LeadIsOpen
from automations.conditions.may_contact import MayContact
from automations.conditions.not_of import Not
from automations.conditions.owner_is import OwnerIs
from automations.conditions.pipeline_is import PipelineIs
from automations.conditions.source_is import SourceIs
from automations.conditions.stage_is import StageIs
from automations.conditions.stage_kind_is import StageKindIs
from automations.conditions.stands_in_stage import StandsInStage
from automations.conditions.time_is_between import TimeIsBetween
from automations.conditions.value_is_at_least import ValueIsAtLeast
from automations.conditions.was_texted import WasTexted
from automations.conditions.weekday_is import WeekdayIs

CONDITIONS = (
    *(LanguageIs, SourceIs, StageIs, StageKindIs, PipelineIs, LeadIsOpen, OwnerIs, ValueIsAtLeast),
    *(LeadIsOlder, StandsInStage, HasPhone, HasEmail, HasTag, MayContact, HasReplied),
    *(
        HasNotReplied,
        WasTexted,
        HasAsked,
        WeekdayIs,
        TimeIsBetween,
        InBusinessHours,
        AllOf,
        AnyOf,
        Not,
    ),
)

if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = Annotated[Union[CONDITIONS], Field(discriminator="kind")]  # noqa: UP007
    for _kind in CONDITIONS:
        _kind.model_rebuild(_types_namespace={"AnyCondition": AnyCondition})
