"""What becomes of a queued text: the gate's word on it, and its own words if it may leave."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm.compliance.gate import LOOK_AGAIN, Allow, Block, decide
from crm.compliance.windows import TABLE_OF
from crm.core.uow import UnitOfWork
from crm.messaging import telling, writes
from crm.messaging.channels.base import Channels
from crm.messaging.facts import Candidate
from crm.messaging.sending.words import Said, Unsayable, words


@dataclass(frozen=True, slots=True)
class Verdict:
    """A text may leave, with these words, or is held until then, or blocked, for this reason."""

    text: Candidate
    said: Said | None = None
    reason: str | None = None
    until: datetime | None = None

    @property
    def may_leave(self) -> bool:
        """Whether nothing holds or blocks it."""
        return self.reason is None

    @property
    def gate(self) -> str:
        """What was known when it was judged, as JSON of ids and codes (LAW-11)."""
        facts, row = self.text.facts, self.text.row
        known = {
            "checked_at": facts.now.isoformat(),
            "zones": list(facts.zones),
            "zone_source": self.text.zone_source,
            "tier": facts.tier,
        }
        if facts.states and facts.message_class == "marketing":
            known |= {"states": list(facts.states), "windows_of": TABLE_OF}
        if row.template_version_id is not None:
            known["template_version_id"] = str(row.template_version_id)
        if facts.other_voice is not None:
            known["spoken_by"] = str(facts.other_voice.communication_id)
        if self.said is not None:
            known["local_times"] = [
                facts.now.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes")
                for zone in facts.zones
            ]
        return json.dumps(known)


def judge(uow: UnitOfWork, channels: Channels, text: Candidate) -> Verdict:
    """Ask the gate whether a text may leave; it has no words yet."""
    decision = decide(text.facts)
    if isinstance(decision, Block):
        return Verdict(text, reason=decision.reason)
    if not isinstance(decision, Allow):
        return Verdict(text, reason=decision.reason, until=decision.until)
    if not channels.knows(text.row.provider):
        return Verdict(text, reason="no_sender", until=uow.now + LOOK_AGAIN)
    return Verdict(text)


def word(uow: UnitOfWork, verdict: Verdict, base_url: str) -> Verdict:
    """Write the words of a text that may leave; one without words is blocked, and says why."""
    if not verdict.may_leave:
        return verdict
    try:
        return replace(verdict, said=words(uow, verdict.text, base_url))
    except Unsayable as unsayable:
        return replace(verdict, reason=unsayable.reason)


def write(uow: UnitOfWork, token: UUID, verdicts: Sequence[Verdict]) -> None:
    """Block and hold what may not leave now, under the locks of their addresses."""
    stopped = [verdict for verdict in verdicts if not verdict.may_leave]
    blocked = [_row(verdict) for verdict in stopped if verdict.until is None]
    held = [{**_row(verdict), "until": verdict.until} for verdict in stopped if verdict.until]
    telling.tell_settled(uow, writes.run(uow, writes.BLOCK, blocked, token=token))
    for row in writes.run(uow, writes.DEFER, held, token=token):
        uow.tell("communication.held", lead_id=row.lead_id, contact_id=row.contact_id)


def _row(verdict: Verdict) -> dict[str, Any]:
    return {"id": verdict.text.id, "reason": verdict.reason, "gate": verdict.gate}
