"""What arrives at the edge: its fields, their limits, and who it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal
from unicodedata import category
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from crm.contacts import emails, phones
from crm.contacts.matching import Person
from crm.core.errors import N_, Invalid
from crm.core.ids import new_id
from crm.web.forms import BLANK_IS_NONE, InputModel

NO_ADDRESS = N_("Give a phone number or an email address, so that we can answer.")
NO_PHONE = N_("This phone number cannot be right. Check it, with its area code.")
NO_EMAIL = N_("This email address cannot be right. Check it.")
NO_NAME = N_("Give a name.")
NO_WORDING = N_("A consent to marketing needs the words that were shown: give their id.")

MOST_CAMPAIGN_FIELDS = 20


def _one_line(name: str) -> str:
    """Return a name without line breaks and control characters, which no name has."""
    line = " ".join("".join(" " if category(char) == "Cc" else char for char in name).split())
    if not line:
        raise PydanticCustomError("frontdesk_no_name", NO_NAME)
    return line


Name = Annotated[str, StringConstraints(max_length=200), AfterValidator(_one_line)]
PhoneText = Annotated[
    Annotated[str, StringConstraints(max_length=phones.LONGEST_PASTE)] | None,
    BLANK_IS_NONE,
]
EmailText = Annotated[
    Annotated[str, StringConstraints(max_length=emails.LONGEST_PASTE)] | None,
    BLANK_IS_NONE,
]
LongText = Annotated[Annotated[str, StringConstraints(max_length=5000)] | None, BLANK_IS_NONE]
Line = Annotated[Annotated[str, StringConstraints(max_length=200)] | None, BLANK_IS_NONE]
Code = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,60}$")] | None,
    BLANK_IS_NONE,
]
WebPage = Annotated[
    Annotated[str, StringConstraints(pattern=r"^https?://", max_length=500)] | None,
    BLANK_IS_NONE,
]
CampaignField = Annotated[
    str,
    StringConstraints(pattern=r"^(utm_[a-z0-9_]{1,36}|gclid|gbraid|wbraid|msclkid|fbclid|ttclid)$"),
]


class ConsentIn(InputModel):
    """What was ticked, and the words beside it as they were shown; nothing is ticked by default."""

    sms_care: StrictBool = Field(False, description="May be texted about request and appointments.")
    sms_marketing: StrictBool = Field(False, description="May be texted offers and news.")
    wording_id: UUID | None = Field(None, description="Which wording was shown for care.")
    wording_version: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None,
        BLANK_IS_NONE,
    ] = Field(None, description="The SHA-256 of that wording, instead of its id.")
    marketing_wording_id: UUID | None = Field(None, description="Which one for marketing.")

    @model_validator(mode="after")
    def _marketing_is_in_writing(self) -> "ConsentIn":
        if self.sms_marketing and self.marketing_wording_id is None:
            raise PydanticCustomError("frontdesk_no_wording", NO_WORDING)
        return self


class AppointmentRequestIn(InputModel):
    """An appointment request; a name, and a phone number or an email address, are enough."""

    name: Name
    phone: PhoneText = None
    email: EmailText = None
    service: Line = None
    message: LongText = None
    preferred_time: Line = None
    language: Annotated[Literal["en", "es"] | None, BLANK_IS_NONE] = None
    source: Code = Field(None, description="Where the person came from, as a code: google_ads.")
    campaign: dict[CampaignField, Annotated[str, StringConstraints(max_length=200)]] = Field(
        default_factory=dict, max_length=MOST_CAMPAIGN_FIELDS
    )
    landing_page: WebPage = None
    consent: ConsentIn = Field(default_factory=ConsentIn)


@dataclass(frozen=True)
class IncomingRequest:
    """An appointment request, where it came in, and the key under which it counts once.

    `channel` is the scope of the key ("form:<id>", "api:<id>"); `body` is kept as it came;
    `evidence` says how the person was reached by the wording: IP, browser, page (LAW-10).
    """

    data: AppointmentRequestIn
    idempotency_key: str
    channel: str
    body: str
    region: str = "US"
    default_language: str = "en"
    pipeline_id: UUID | None = None
    form_id: UUID | None = None
    form_version: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same request when it comes again."""
        return self.channel, self.idempotency_key

    @property
    def source(self) -> str:
        """Where the lead comes from: what the sender says, else the kind of channel."""
        return self.data.source or self.channel.partition(":")[0]

    @cached_property
    def body_hash(self) -> str:
        """SHA-256 of the body, in hex."""
        return sha256(self.body.encode()).hexdigest()

    @cached_property
    def person(self) -> Person:
        """Who asks, with addresses in their normal forms. Raises Invalid, naming the field."""
        data = self.data
        phone, email, wrong = _read(data.phone, data.email, self.region)
        if wrong:
            raise Invalid(fields=wrong)
        return Person(data.name, phone, email, data.language or self.default_language)


def wrong_addresses(phone: str | None, email: str | None, region: str) -> dict[str, str]:
    """Return what is wrong with the addresses of a request as typed, by field."""
    return _read((phone or "").strip(), (email or "").strip(), region)[2]


def _read(
    phone: str | None, email: str | None, region: str
) -> tuple[str | None, str | None, dict[str, str]]:
    """Return the normal forms of a phone and an email, and what is wrong, by field."""
    e164 = phones.parse(phone, region).e164 if phone else None
    normal = emails.parse(email) if email else None
    wrong = {} if phone or email else {"phone": NO_ADDRESS}
    if phone and e164 is None:
        wrong["phone"] = NO_PHONE
    if email and normal is None:
        wrong["email"] = NO_EMAIL
    return e164, normal, wrong
