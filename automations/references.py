"""Names to ids: a document may name templates, stages and pipelines; a version holds their ids.

And back: which sequences hold the id of a stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Text, cast, exists, or_
from sqlmodel import col, select

from automations.definitions import InvalidDefinition, check_size, step_kinds
from automations.models import Automation, Enrollment, SequenceVersion
from crm.core.errors import N_
from crm.core.together import together
from crm.core.uow import UnitOfWork
from crm.messaging.models import Template
from crm.web.language import _
from pipelines.models import Pipeline, Stage

Node = dict[str, Any]


def with_ids(uow: UnitOfWork, document: Mapping[str, Any]) -> Node:
    """Return the document with ids for names: `template`, `stage` and `pipeline`.

    Raises InvalidDefinition for what this clinic does not have, naming the step and the field.
    """
    resolved, wrong = resolve(uow, document)
    if wrong:
        raise InvalidDefinition(wrong, step_kinds(document))
    return resolved


def resolve(uow: UnitOfWork, document: Mapping[str, Any]) -> tuple[Node, Mapping[str, str]]:
    """Return the document with ids for the names that are known here, and what is wrong by path.

    Raises InvalidDefinition for one that is too large to be looked through.
    """
    check_size(document)
    resolver = _Resolver(_Known.of(uow))
    return resolver.document(document), resolver.wrong


@dataclass(frozen=True)
class _Known:
    """The clinic's templates by channel, pipelines, sequences and stages, by name and by id."""

    templates: Mapping[str, Mapping[str, str]]
    pipelines: Mapping[str, str]
    automations: Mapping[str, str]
    stages: tuple[Any, ...]
    default_pipeline: str | None

    @classmethod
    def of(cls, uow: UnitOfWork) -> "_Known":
        ours: dict[str, Any] = {
            "templates": select(col(Template.id), col(Template.name), col(Template.channel)).where(
                col(Template.clinic_id) == uow.clinic_id
            ),
            "automations": select(col(Automation.id), col(Automation.name)).where(
                col(Automation.clinic_id) == uow.clinic_id
            ),
            "pipelines": select(
                col(Pipeline.id), col(Pipeline.name), col(Pipeline.is_default)
            ).where(col(Pipeline.clinic_id) == uow.clinic_id),
            "stages": select(col(Stage.id), col(Stage.name), col(Stage.pipeline_id)).where(
                col(Stage.clinic_id) == uow.clinic_id, col(Stage.removed_at).is_(None)
            ),
        }
        found = together(uow, **ours)
        templates, pipelines, stages = found["templates"], found["pipelines"], found["stages"]
        return cls(
            {
                channel: {one.name: str(one.id) for one in templates if one.channel == channel}
                for channel in ("sms", "email")
            },
            {pipeline.name: str(pipeline.id) for pipeline in pipelines},
            {one.name: str(one.id) for one in found["automations"]},
            tuple(stages),
            next((str(pipeline.id) for pipeline in pipelines if pipeline.is_default), None),
        )


@dataclass
class _Resolver:
    """Walks through a document; what has another shape is left for the validation to name."""

    known: _Known
    wrong: dict[str, str] = field(default_factory=dict)

    def document(self, document: Mapping[str, Any]) -> Node:
        """Return the document with ids, noting in `wrong` what is not known."""
        parts = {
            key: document[key] for key in ("trigger", "conditions", "steps") if key in document
        }
        return dict(document) | {key: self._value(part, key) for key, part in parts.items()}

    def _value(self, value: Any, path: str) -> Any:
        """Return a part, a list of parts, or whatever else a part holds."""
        if isinstance(value, list | tuple):
            return [self._value(one, f"{path}.{index}") for index, one in enumerate(value)]
        return self._node(value, path) if isinstance(value, Mapping) else value

    def _node(self, node: Mapping[str, Any], path: str) -> Node:
        resolved = dict(node)
        channel = "email" if resolved.get("kind") == "send_email" else "sms"
        self._name(resolved, "template", self.known.templates[channel], path)
        self._name(resolved, "pipeline", self.known.pipelines, path)
        self._name(resolved, "automation", self.known.automations, path)
        self._stage(resolved, path)
        return {key: self._value(value, f"{path}.{key}") for key, value in resolved.items()}

    def _name(self, node: Node, key: str, ids: Mapping[str, str], path: str) -> None:
        """Put `<key>_id` in the place of a name, and check an id that was given."""
        given = node.pop(key, None)
        if given is not None:
            node[f"{key}_id"] = ids.get(given) if isinstance(given, str) else None
        elif _as_id(node.get(f"{key}_id")) is None:
            return
        if _as_id(node[f"{key}_id"]) not in ids.values():
            self.wrong[f"{path}.{key}"] = _(_UNKNOWN[key])
            node.pop(f"{key}_id")

    def _stage(self, node: Node, path: str) -> None:
        """Put the stage's id and its pipeline's in the place of its name."""
        given, stage_id = node.pop("stage", None), _as_id(node.get("stage_id"))
        if given is None and stage_id is None:
            return
        found = [
            stage
            for stage in self.known.stages
            if (stage.name == given if given is not None else str(stage.id) == stage_id)
            and node.get("pipeline_id") in (None, str(stage.pipeline_id))
        ]
        if len(found) > 1:
            preferred = self.known.default_pipeline
            found = [stage for stage in found if str(stage.pipeline_id) == preferred] or found
        if len(found) == 1:
            node["stage_id"] = str(found[0].id)
            node["pipeline_id"] = str(found[0].pipeline_id)
        elif found:
            self.wrong[f"{path}.stage"] = _("Several pipelines have it; name the pipeline, too.")
        else:
            self.wrong[f"{path}.stage"] = _(_UNKNOWN["stage"])


_UNKNOWN: Mapping[str, str] = {
    "template": N_("There is no such template here."),
    "pipeline": N_("There is no such pipeline here."),
    "automation": N_("There is no such sequence here."),
    "stage": N_("There is no such stage here."),
}


def _as_id(value: Any) -> str | None:
    """Return an id in the one form it is compared in; None where it is not one."""
    try:
        return str(UUID(str(value))) if value is not None else None
    except ValueError:
        return None


def sequences_with_stage(uow: UnitOfWork, stage_id: UUID) -> list[str]:
    """Return the names of sequences whose published version, or one with people in it, names it."""
    has_people = exists().where(
        col(Enrollment.clinic_id) == col(SequenceVersion.clinic_id),
        col(Enrollment.automation_id) == col(SequenceVersion.automation_id),
        col(Enrollment.version_id) == col(SequenceVersion.id),
        col(Enrollment.state) == "live",
    )
    is_used = or_(col(SequenceVersion.id) == col(Automation.version_id), has_people)
    rows = uow.session.scalars(
        select(col(Automation.name))
        .join(
            SequenceVersion,
            (col(SequenceVersion.clinic_id) == col(Automation.clinic_id))
            & (col(SequenceVersion.automation_id) == col(Automation.id)),
        )
        .where(
            col(Automation.clinic_id) == uow.clinic_id,
            is_used,
            cast(col(SequenceVersion.definition), Text).contains(str(stage_id)),
        )
        .order_by(col(Automation.name))
        .distinct()
    )
    return list(rows)
