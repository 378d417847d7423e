"""Templates and sequences that cannot be used are refused by field, and nothing is stored."""

from collections.abc import Callable
from typing import Any

import pytest

from automations.definitions import InvalidDefinition
from automations.sequences import load_automation
from crm.core.errors import DomainError
from crm.messaging.actions import add_template
from crm.messaging.grammar import TemplateRefused
from tests.support.houses import House
from tests.support.neighbours import everything

TEMPLATES = {
    "an open mark": "Hi {{ first_name",
    "an open if": "{% if first_name %}Hi",
    "an unknown field": "{{ password }}",
    "an attribute": "{{ first_name.__class__ }}",
    "an unknown filter": "{{ first_name | system }}",
    "a loop": "{% for a in (1..100000000) %}x{% endfor %}",
    "an inclusion": "{% include 'secrets' %}",
    "a raw block": "{% raw %}{{ x }}{% endraw %}",
    "an assignment": "{% assign first_name = 'x' %}",
    "deep ifs": "{% if first_name %}" * 50 + "x" + "{% endif %}" * 50,
    "a long mark": "{{ first_name | default: '" + "x" * 5000 + "' }}",
    "nothing": "",
    "too long": "x" * 100_000,
    "NUL": "Hi\x00",
    "half of a surrogate pair": "Hi \ud800",
}


def test_a_template_that_cannot_be_used_is_refused(house: House) -> None:
    before = everything(house)
    for name, words in TEMPLATES.items():
        with pytest.raises(DomainError) as refused:
            house.do(add_template, "Bad", {"en": words})
        assert refused.value.status == 422, name
        assert isinstance(refused.value, TemplateRefused) or refused.value.fields, name
        assert everything(house) == before, name


SEQUENCES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no steps": (lambda one: {**one, "steps": []}, "steps"),
    "a step of no kind": (lambda one: {**one, "steps": [{}]}, "steps.0.kind"),
    "an unknown step": (lambda one: {**one, "steps": [{"kind": "rm"}]}, "steps.0.kind"),
    "an unknown field": (lambda one: {**one, "sql": "DROP"}, "sql"),
    "an unknown template": (
        lambda one: {**one, "steps": [{"kind": "send_text", "template": "?"}]},
        "steps.0.template",
    ),
    "an endless wait": (
        lambda one: {**one, "steps": [{"kind": "wait_for", "days": 10**9}]},
        "steps.0.days",
    ),
    "no trigger": (lambda one: {**one, "trigger": {"kind": "tuesday"}}, "trigger"),
    "a stage of nobody": (
        lambda one: {**one, "trigger": {"kind": "stage_entered", "stage": "Nowhere"}},
        "trigger",
    ),
    "a list": (lambda one: [one], "body"),
    "too many steps": (lambda one: {**one, "steps": one["steps"] * 51}, "steps"),
}


def test_a_sequence_that_cannot_run_is_refused_by_field(house: House) -> None:
    document = {
        "name": "Test",
        "trigger": {"kind": "lead_created"},
        "steps": [{"kind": "wait_for", "days": 1}],
    }
    before = everything(house)
    for name, (change, field) in SEQUENCES.items():
        with pytest.raises(InvalidDefinition) as refused:
            house.do(load_automation, change(document))
        fields = refused.value.fields
        assert any(one.startswith(field) for one in fields), f"{name}: {fields}"
        assert everything(house) == before, name
