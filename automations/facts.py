"""What a trigger, a condition or a step may know about a person: frozen facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class LeadFacts:
    """Where a lead stands and where it came from."""

    id: UUID
    pipeline_id: UUID
    stage_id: UUID
    stage_kind: str
    source: str


@dataclass(frozen=True)
class Facts:
    """The person's language and, where the subject is one, the lead."""

    language: str
    lead: LeadFacts | None = None

    def inputs(self) -> Mapping[str, str]:
        """Return the facts as ids and codes, as a step run keeps them."""
        known = {"language": self.language}
        if self.lead is not None:
            known |= {
                "pipeline_id": str(self.lead.pipeline_id),
                "stage_id": str(self.lead.stage_id),
                "stage_kind": self.lead.stage_kind,
                "source": self.lead.source,
            }
        return known
