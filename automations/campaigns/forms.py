"""What is typed of a campaign."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from automations.campaigns.actions import Draft
from automations.campaigns.audience import MOST_STAGES, Audience
from automations.campaigns.models import Campaign, RatePer
from crm.contacts.models import AddressKind
from crm.core.errors import N_, Invalid
from crm.web.forms import BLANK_IS_NONE, FormModel, OptionalId, OptionalText
from crm.web.language import _
from pipelines.models import StageKind

NO_NAME = N_("Give it a name.")
NO_DAY = N_("Choose the day as well.")
OUT_OF_ORDER = N_("This is before the first day: take a later one.")
MORNING = time(9)
"""When a campaign starts on a day for which no time was given."""

MOST_AT_A_TIME = 5_000

Day = Annotated[date | None, BLANK_IS_NONE, Field(ge=date(2000, 1, 1), le=date(2099, 12, 31))]


def _named(name: str) -> str:
    line = " ".join(name.split())
    if not line:
        raise PydanticCustomError("frontdesk_no_name", NO_NAME)
    return line


class AudienceForm(FormModel):
    """Whom a campaign is for, and what may be left open; `version` is the draft's, as it was seen.

    `campaign_id` is given where it is a draft already.
    """

    stage_id: Annotated[list[UUID], Field(max_length=MOST_STAGES)] = Field(default_factory=list)
    stage_kind: Annotated[StageKind | None, BLANK_IS_NONE] = None
    tag_id: OptionalId = None
    source: OptionalText = None
    service: OptionalText = None
    language: Annotated[Literal["en", "es"] | None, BLANK_IS_NONE] = None
    came_from: Day = None
    came_until: Day = None
    quiet_days: Annotated[int | None, BLANK_IS_NONE, Field(ge=1, le=3650)] = None
    has: Annotated[AddressKind | None, BLANK_IS_NONE] = None
    rate_per: RatePer = "hour"
    start_on: Day = None
    start_time: Annotated[time | None, BLANK_IS_NONE] = None
    version: int = 0
    campaign_id: OptionalId = None

    @property
    def audience(self) -> Audience:
        """Whom it is for."""
        return Audience(
            stage_ids=tuple(self.stage_id),
            **self.model_dump(include=Audience.model_fields.keys() - {"stage_ids"}),
        )


class CountForm(AudienceForm):
    """A campaign as far as it has been typed."""

    name: Annotated[str, StringConstraints(max_length=120)] = ""
    automation_id: OptionalId = None
    rate: Annotated[str, StringConstraints(max_length=20)] = ""


class CampaignForm(AudienceForm):
    """A campaign as it shall be."""

    name: Annotated[str, StringConstraints(max_length=120), AfterValidator(_named)]
    automation_id: UUID
    rate: Annotated[int, Field(ge=1, le=MOST_AT_A_TIME)]

    @field_validator("came_until")
    @classmethod
    def _in_order(cls, until: date | None, info: ValidationInfo) -> date | None:
        begins = info.data.get("came_from")
        if until is not None and begins is not None and until < begins:
            raise PydanticCustomError("frontdesk_out_of_order", OUT_OF_ORDER)
        return until

    def draft(self, zone: ZoneInfo) -> Draft:
        """Return what the form asks for, by the days of a clinic in this zone. Raises Invalid."""
        starts_at = None
        if self.start_on is not None:
            starts_at = datetime.combine(self.start_on, self.start_time or MORNING, zone)
        elif self.start_time is not None:
            raise Invalid(_(NO_DAY), field="start_on")
        return Draft(
            *(self.name, self.automation_id, self.audience, self.rate, self.rate_per), starts_at
        )


class SeenForm(FormModel):
    """The draft's version, as it was seen."""

    version: int = 0


Values = Mapping[str, Any]
EMPTY: Values = dict.fromkeys(CountForm.model_fields, "")


def fresh_values(automation_id: UUID | None) -> Values:
    """Return what stands in the form of a new campaign."""
    return {
        **EMPTY,
        "automation_id": str(automation_id or ""),
        "rate": "60",
        "rate_per": "hour",
    }


def values_of(campaign: Campaign, zone: ZoneInfo) -> Values:
    """Return what stands in the form of a draft."""
    audience = Audience.model_validate(campaign.audience)
    local = campaign.starts_at.astimezone(zone) if campaign.starts_at else None
    given = audience.model_dump(mode="json", exclude={"stage_ids"}, exclude_none=True)
    return {
        **EMPTY,
        **{name: str(value) for name, value in given.items()},
        "stage_id": [str(one) for one in audience.stage_ids],
        "name": campaign.name,
        "automation_id": str(campaign.automation_id),
        "rate": str(campaign.rate),
        "rate_per": campaign.rate_per,
        "start_on": local.date().isoformat() if local else "",
        "start_time": local.strftime("%H:%M") if local else "",
        "version": campaign.version,
    }


def values_again(campaign: Campaign, zone: ZoneInfo) -> Values:
    """Return what stands in the form of a new campaign that is like one there was."""
    return {**values_of(campaign, zone), "start_on": "", "start_time": "", "version": ""}


def values_counted(form: CountForm) -> Values:
    """Return what stands in a form that was only counted."""
    return {**EMPTY, **form.model_dump(mode="json", exclude_none=True)}


def values_typed(typed: Mapping[str, str], several: Mapping[str, Sequence[str]]) -> Values:
    """Return what stands in a form that is shown again, as it was typed."""
    return {**EMPTY, **typed, "stage_id": list(several.get("stage_id", ()))}
