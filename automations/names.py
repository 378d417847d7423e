"""What ids are called in a clinic, so that triggers, conditions and steps can be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from automations.models import Automation
from crm.accounts.models import Membership, User
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.models import Template
from crm.web.language import _
from pipelines.models import Pipeline, Stage


@dataclass(frozen=True)
class Names:
    """The names of a clinic's templates, pipelines, stages, people and sequences, by their ids."""

    templates: Mapping[UUID, str]
    pipelines: Mapping[UUID, str]
    stages: Mapping[UUID, str]
    people: Mapping[UUID, str] = field(default_factory=dict)
    automations: Mapping[UUID, str] = field(default_factory=dict)

    def template(self, template_id: UUID) -> str:
        """Return a template's name."""
        return self.templates.get(template_id) or _("no longer there")

    def pipeline(self, pipeline_id: UUID) -> str:
        """Return a pipeline's name."""
        return self.pipelines.get(pipeline_id) or _("no longer there")

    def stage(self, stage_id: UUID) -> str:
        """Return a stage's name, with its pipeline's where several have a stage of that name."""
        return self.stages.get(stage_id) or _("no longer there")

    def person(self, user_id: UUID) -> str:
        """Return the name of somebody who works or worked here."""
        return self.people.get(user_id) or _("no longer there")

    def automation(self, automation_id: UUID) -> str:
        """Return a sequence's name."""
        return self.automations.get(automation_id) or _("no longer there")


def names_here(uow: UnitOfWork) -> Names:
    """Return what the clinic's templates, pipelines, stages and people are called."""
    return names_found(together(uow, **names_asked(uow)))


def names_asked(uow: UnitOfWork) -> Mapping[str, Any]:
    """Return what `names_found` reads, to be asked for together with other things."""
    pipeline = (col(Stage.clinic_id) == col(Pipeline.clinic_id)) & (
        col(Stage.pipeline_id) == col(Pipeline.id)
    )
    ids: Any = (col(Stage.id), col(Pipeline.id).label("pipeline_id"))
    return {
        "templates": select(col(Template.id), col(Template.name)).where(
            col(Template.clinic_id) == uow.clinic_id
        ),
        "stages": select(*ids, col(Stage.name), col(Pipeline.name).label("pipeline"))
        .join(Stage, pipeline)
        .where(col(Pipeline.clinic_id) == uow.clinic_id),
        "staff": select(col(User.id), col(User.name))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(col(Membership.clinic_id) == uow.clinic_id),
        "others": select(col(Automation.id), col(Automation.name)).where(
            col(Automation.clinic_id) == uow.clinic_id
        ),
    }


def names_found(found: Mapping[str, Sequence[Any]]) -> Names:
    """Return the names that were asked for."""
    stages = found["stages"]
    uses = Counter(row.name for row in stages)
    return Names(
        templates={row.id: row.name for row in found["templates"]},
        pipelines={row.pipeline_id: row.pipeline for row in stages},
        stages={
            row.id: f"{row.name} ({row.pipeline})" if uses[row.name] > 1 else row.name
            for row in stages
        },
        people={row.id: row.name for row in found["staff"]},
        automations={row.id: row.name for row in found["others"]},
    )
