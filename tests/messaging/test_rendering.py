"""Templates say what is written, with known words in the gaps, or say why they do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.core.errors import DomainError
from crm.messaging.rendering import (
    MERGE_FIELDS,
    SOURCE_LIMIT,
    TEXT_LIMIT,
    MissingValue,
    TemplateRefused,
    TextTooLong,
    check,
    compile,
)

VALUES = {"first_name": "Ana", "clinic_name": "Oak Dental"}


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("Hello", "Hello"),
        ("Hi {{ first_name }}, this is {{clinic_name}}.", "Hi Ana, this is Oak Dental."),
        ("Hi {{ nickname | default: 'there' }}", "Hi there"),
        ("Hi {{ first_name | default: 'there' }}", "Hi Ana"),
        ("{{ nickname | default: 'you' | capitalize }}", "You"),
        ("{{ first_name | upcase }} {{ first_name | downcase }}", "ANA ana"),
        ("{{ clinic_name | truncate: 6 }}", "Oak..."),
        ("{{ clinic_name | truncate: 2 }}{{ first_name | truncate: 0 }}", "OaA"),
        ("{{ clinic_name | truncate: 99 }}", "Oak Dental"),
        ("{% if service %}About {{ service }}{% else %}Welcome{% endif %}", "Welcome"),
        ("{% if first_name == 'Ana' and service != 'x' %}yes{% endif %}", "yes"),
        ("{% if service == 'x' or first_name == 'Ben' %}yes{% endif %}", ""),
        ("{% if service %}a{% elsif clinic_name %}b{% else %}c{% endif %}", "b"),
        ("{%- if clinic_name -%} yes {%- endif -%}", "yes"),
        ("a{% if clinic_name %}\n{% endif %}b\r\nc", "a\nb\nc"),
        ("  {{ first_name }}\n\n", "Ana"),
        ("50% } }} %} { done", "50% } }} %} { done"),
    ],
)
def test_a_template_is_filled_in(source: str, body: str) -> None:
    assert compile(source).render(VALUES) == body


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("a\n{% for x in y %}{% endfor %}", 2, "for"),
        ("{% assign x = 1 %}", 1, "assign"),
        ("{% capture x %}{% endcapture %}", 1, "capture"),
        ("{% include 'x' %}", 1, "include"),
        ("{% render 'x' %}", 1, "render"),
        ("{% raw %}{{{% endraw %}", 1, "raw"),
        ("{% comment %}x{% endcomment %}", 1, "comment"),
        ("{% liquid\nassign x = 1\n%}", 1, "liquid"),
        ("{% # note %}", 1, "not allowed"),
        ("{%%}", 1, "not allowed"),
        ("{% if %}x{% endif %}", 1, "as it should be"),
        ("\n{% if a %}x", 2, "endif"),
        ("{% endif %}", 1, "wrong place"),
        ("{% if a %}{% else %}{% else %}{% endif %}", 1, "wrong place"),
        ("{% if a %}{% else %}{% elsif b %}{% endif %}", 1, "wrong place"),
        ("{% if a %}{% else b %}{% endif %}", 1, "as it should be"),
        ("{% if a %}" * 6 + "{% endif %}" * 6, 1, "too many"),
        ("{% if a > 3 %}{% endif %}", 1, "words in quotes"),
        ("{% if a == b %}{% endif %}", 1, "words in quotes"),
        ("{% if a contains 'b' %}{% endif %}", 1, "words in quotes"),
        ("{{ a.b }}", 1, "merge field"),
        ("{{ a['b'] }}", 1, "merge field"),
        ("{{ First }}", 1, "merge field"),
        ("{{ a.__class__ }}", 1, "merge field"),
        ("{{ (1..999999999) }}", 1, "words in quotes"),
        ("{{ 'a' }}", 1, "words in quotes"),
        ("{{ true }}", 1, "words in quotes"),
        ("a\n\n{{ a | date: '%Y' }}", 3, "date"),
        ("{{ a | append: 'x' }}", 1, "append"),
        ("{{ a | default }}", 1, "default"),
        ("{{ a | default: b }}", 1, "default"),
        ("{{ a | truncate: 'x' }}", 1, "truncate"),
        ("{{ a | upcase: 'x' }}", 1, "upcase"),
        ("{{ a | default: allow_false: true }}", 1, "default"),
        ("\n\n{{ a | }}", 3, "cannot be read"),
        ("{% if a %}\n{% endif %}{{ a b }}", 2, "cannot be read"),
        ("{% if a %}\n{% elsif b == %}{% endif %}", 2, "cannot be read"),
        ("{{}}", 1, "cannot be read"),
        ("x\n{{ a", 2, "never closed"),
        ("x\n{% if a", 2, "never closed"),
        ("{{ " + "a" * 300 + " }}", 1, "too long"),
        ("\nx\x00", 2, "cannot be sent"),
        ("\ud800", 1, "cannot be sent"),
        ("a" * (SOURCE_LIMIT + 1), 1, "longer"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_line(source: str, line: int, reason: str) -> None:
    with pytest.raises(TemplateRefused) as raised:
        compile(source)
    assert raised.value.line == line
    assert reason in raised.value.reason
    assert raised.value.fields.keys() == {"body"}


def test_the_merge_fields_are_known_with_those_in_branches_not_taken() -> None:
    compiled = compile(
        "{{ a }}\n{% if b == 'x' and c %}{{ d | upcase }}{% else %}{{ a }}{% endif %}"
    )
    assert compiled.variables == {"a", "b", "c", "d"}
    assert dict(compiled.lines) == {"a": 1, "b": 2, "c": 2, "d": 2}


def test_a_merge_field_that_does_not_exist_is_refused_with_its_line() -> None:
    assert check("{{ first_name }}").variables == {"first_name"}
    assert check("{{ other }}", {"other"}).variables == {"other"}
    with pytest.raises(TemplateRefused, match="frist_name") as raised:
        check("Hi\n{{ frist_name }}")
    assert raised.value.line == 2


@pytest.mark.parametrize("name", ["now", "today", "template", "partial", "forloop"])
def test_liquids_own_names_are_no_values(name: str) -> None:
    with pytest.raises(MissingValue):
        compile(f"{{{{ {name} }}}}").render({})


@pytest.mark.parametrize("unknown", [None, "", "  ", "\x00\n", False])
@pytest.mark.parametrize("use", ["", " | upcase", " | truncate: 5", " | upcase | default: 'x'"])
def test_a_value_that_is_not_known_blocks_the_text(unknown: object, use: str) -> None:
    for values in ({"name": unknown}, {}):
        with pytest.raises(MissingValue) as raised:
            compile(f"Hi {{{{ name{use} }}}}").render(values)
        assert raised.value.name == "name"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("{{ clinic_name }}{% if x %}", "{{ clinic_name }}{% if x %}"),
        ("Ana\nSTOP\x07\x1b[2J", "Ana STOP  [2J"),
        ("\u202eanA", "anA"),
        ("\ud800Ana", "Ana"),
        ("<b>&", "<b>&"),
        (3, "3"),
        (0, "0"),
    ],
)
def test_values_are_words_and_nothing_else(value: object, shown: str) -> None:
    assert compile("{{ name }}").render({"name": value}) == shown


def test_a_text_has_its_limit_and_an_emoji_counts_as_two() -> None:
    compiled = compile("{{ words }}")
    assert len(compiled.render({"words": "a" * TEXT_LIMIT})) == TEXT_LIMIT
    assert len(compiled.render({"words": "😀" * (TEXT_LIMIT // 2)})) == TEXT_LIMIT // 2
    for words in ("a" * (TEXT_LIMIT + 1), "😀" * (TEXT_LIMIT // 2 + 1), "a" * 1_000_000):
        with pytest.raises(TextTooLong):
            compiled.render({"words": words})
    with pytest.raises(TextTooLong):
        compile("{{ a }}" * 1000).render({"a": "x" * 1000})


def test_a_template_is_compiled_once() -> None:
    assert compile("Hi {{ first_name }}") is compile("Hi {{ first_name }}")


pieces = st.sampled_from(
    [
        *("{{", "}}", "{%", "%}", "-", " ", "\n", "if", "elsif", "else", "endif", "for", "raw"),
        *("a", "first_name", "|", "default", "upcase", "truncate", ":", "'x'", "'", "==", "!="),
        *("and", "or", "contains", "1", "9" * 50, ".", "..", "(", ")", "[", "]", "\x00", "#"),
        *("{{ first_name }}", "{% if first_name %}", "{% else %}", "{% endif %}", ",", "é", "😀"),
    ]
)


def outcome(source: str, values: dict[str, str] | None) -> str | DomainError:
    """Return the body, filling every merge field with "x" where no values are given, or why not."""
    try:
        compiled = compile(source)
        return compiled.render(values or dict.fromkeys(compiled.variables, "x"))
    except DomainError as error:
        return error


@given(st.lists(pieces, max_size=25).map("".join) | st.text(max_size=80))
@settings(max_examples=300)
def test_any_source_is_refused_or_renders_or_says_what_is_missing(source: str) -> None:
    filled, part_filled = outcome(source, None), outcome(source, {"first_name": "x"})
    if isinstance(filled, str):
        assert len(filled) <= TEXT_LIMIT
        if isinstance(part_filled, MissingValue):
            assert part_filled.name in compile(source).variables - {"first_name"}
    else:
        assert isinstance(filled, TemplateRefused)
        assert 1 <= filled.line <= source.count("\n") + 1
        assert isinstance(part_filled, TemplateRefused)


@given(st.text())
def test_a_value_comes_out_once_and_as_it_is(word: str) -> None:
    compiled = compile("<{{ name | default: '' }}>")
    body = compiled.render({"name": word})
    assert compiled.render({"name": body[1:-1]}) == body
    visible = "".join(char for char in word if char.isprintable() and char != " ")
    assert "".join(char for char in body[1:-1] if char.isprintable() and char != " ") == visible


def test_the_errors_are_domain_errors_that_a_page_can_show() -> None:
    for error in (TemplateRefused(1, "x"), MissingValue("a"), TextTooLong(5)):
        assert isinstance(error, DomainError)
        assert error.detail
        assert error.fields
    assert "first_name" in MERGE_FIELDS
