"""The trigger of sequences that are written for campaigns."""

from typing import ClassVar, Literal

from automations.events import CampaignReached
from automations.facts import Facts
from automations.triggers.base import Trigger
from crm.core.errors import N_
from crm.core.events import Event


class ReachedByCampaign(Trigger):
    """Starts for whoever a campaign comes to; whose it is was asked before."""

    label: ClassVar[str] = N_("A campaign reaches them")
    listens: ClassVar[tuple[type[Event], ...]] = (CampaignReached,)
    kind: Literal["campaign"] = "campaign"

    def matches(self, event: Event, facts: Facts) -> bool:
        """Return whether it is a campaign that comes to them."""
        return isinstance(event, CampaignReached)
