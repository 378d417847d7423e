"""What a form lets one choose of the clinic's own: templates, stages, users and the like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from automations.building.fields import Field, value_words
from automations.models import Automation
from automations.names import Names, names_asked, names_found
from crm.accounts.models import Membership, User
from crm.contacts.queries import languages_lately
from crm.core.uow import UnitOfWork
from crm.messaging.queries import template_bodies
from crm.web.language import N_, _, ngettext
from pipelines.models import Pipeline, Stage
from pipelines.sources import NAMES, source_name

SPOKEN: Mapping[str, str] = {"en": N_("English"), "es": N_("Spanish")}

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Choices:
    """What can be chosen in a clinic, by the names that fields use, and what ids are called."""

    names: Names
    by_name: Mapping[str, Options]
    bodies: Mapping[str, Mapping[str, str]]
    subjects: Mapping[str, Mapping[str, str]]
    spoken: Mapping[str, int]

    def unspoken(self, template_id: str) -> list[str]:
        """Return in which languages of the clinic's people a template says nothing, and to whom."""
        bodies = self.bodies.get(template_id, {})
        if not any(bodies.values()):
            return []
        return [
            ngettext(
                "It says nothing in %(language)s. %(num)s of the last %(all)s people speaks it and"
                " gets it in another language.",
                "It says nothing in %(language)s. %(num)s of the last %(all)s people speak it and"
                " get it in another language.",
                people,
                language=_(SPOKEN.get(language, language)),
                all=sum(self.spoken.values()),
            )
            for language, people in sorted(self.spoken.items())
            if not bodies.get(language)
        ]

    def of(self, field: Field, chosen: Any) -> Options:
        """Return a field's options; what is chosen and no longer there is one of them, too."""
        if field.options:
            return [(one, value_words(one)) for one in field.options]
        options = [*self.by_name.get(field.choices, ())]
        known = {value for value, _label in options}
        given = chosen if isinstance(chosen, list | tuple) else [chosen] if chosen else []
        is_open = field.choices == "sources"
        gone = [
            (str(one), source_name(str(one)) if is_open else _("no longer there"))
            for one in given
            if str(one) not in known
        ]
        return [*options, *gone]


def choices_asked(uow: UnitOfWork) -> Mapping[str, Any]:
    """Return what `choices_found` reads, to be asked for together with other things."""
    users: Any = (
        select(col(User.id), col(User.name))
        .join(Membership, col(Membership.user_id) == col(User.id))
        .where(col(Membership.clinic_id) == uow.clinic_id, col(Membership.ended_at).is_(None))
    )
    automations: Any = select(col(Automation.id), col(Automation.name), col(Automation.version_id))
    return {
        **names_asked(uow),
        "users": users.order_by(col(User.name)),
        "sequences": automations.where(col(Automation.clinic_id) == uow.clinic_id).order_by(
            col(Automation.name)
        ),
        "stages_here": _stages(uow),
        "bodies": template_bodies(uow),
        "spoken": languages_lately(uow),
    }


def _stages(uow: UnitOfWork) -> Any:
    """Return the select of the stages that leads can stand in, in their order."""
    its = (col(Pipeline.clinic_id) == col(Stage.clinic_id)) & (
        col(Pipeline.id) == col(Stage.pipeline_id)
    )
    return (
        select(col(Stage.id))
        .join(Pipeline, its)
        .where(col(Stage.clinic_id) == uow.clinic_id, col(Stage.removed_at).is_(None))
        .order_by(col(Pipeline.position), col(Stage.position))
    )


def choices_found(found: Mapping[str, Sequence[Any]]) -> Choices:
    """Return what can be chosen, from what was read."""
    names = names_found(found)
    users = [(str(row.id), row.name) for row in found["users"]]
    owner, everybody = ("owner", _("Whoever owns the lead")), ("everybody", _("Everybody"))
    by_name = {
        "templates": _templates(found, "sms"),
        "emails": _templates(found, "email"),
        "pipelines": _sorted(names.pipelines),
        "stages": [(str(row.id), names.stage(row.id)) for row in found["stages_here"]],
        "users": users,
        "owner_or_user": [owner, *users],
        "owner_or_everybody": [owner, everybody, *users],
        "automations": [(str(row.id), row.name) for row in found["sequences"]],
        "sources": [(code, source_name(code)) for code in NAMES],
    }
    return Choices(
        names,
        by_name,
        {str(row.id): row.bodies for row in found["bodies"]},
        {str(row.id): row.subjects for row in found["bodies"] if row.channel == "email"},
        {row.language: row.people for row in found["spoken"]},
    )


def _templates(found: Mapping[str, Sequence[Any]], channel: str) -> Options:
    return _sorted({row.id: row.name for row in found["bodies"] if row.channel == channel})


def _sorted(names: Mapping[Any, str]) -> Options:
    return sorted(((str(one), name) for one, name in names.items()), key=lambda pair: pair[1])
