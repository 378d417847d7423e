"""What ids are called in a clinic, so that triggers, conditions and steps can be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from crm.web.language import _


@dataclass(frozen=True)
class Names:
    """The names of a clinic's templates, pipelines and stages, by their ids."""

    templates: Mapping[UUID, str]
    pipelines: Mapping[UUID, str]
    stages: Mapping[UUID, str]

    def template(self, template_id: UUID) -> str:
        """Return a template's name."""
        return self.templates.get(template_id) or _("no longer there")

    def pipeline(self, pipeline_id: UUID) -> str:
        """Return a pipeline's name."""
        return self.pipelines.get(pipeline_id) or _("no longer there")

    def stage(self, stage_id: UUID) -> str:
        """Return a stage's name, with its pipeline's where several have a stage of that name."""
        return self.stages.get(stage_id) or _("no longer there")
