"""The check that keeps every visible string translated."""

from pathlib import Path

import pytest

from crm.web import translations
from crm.web.translations import check, update
from crm.web.wording import bare_words


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello there</p>", "Hello there"),
        ("{% if x %}\n<p>\n  Hello\n</p>{% endif %}", "Hello"),
        ('<img alt="A tooth">', "A tooth"),
        ('<a title="Open {{ x }}">{{ x }}</a>', "Open \x01"),
        ('<input placeholder="Name">', "Name"),
        ('<button aria-label="Close">{{ x }}</button>', "Close"),
        ('<input type="submit" value="Save">', "Save"),
        ('{{ ui.button("Save") }}', "Save"),
        ("{{ x or 'nothing here' }}", "nothing here"),
        ('{% set title = "Leads" %}', "Leads"),
        ('{% macro m() %} title="Close"{% endmacro %}', "Close"),
        ("<p>&Ntilde;</p>", "Ñ"),
        ("{% trans %}Fine{% endtrans %}<p>Bare</p>", "Bare"),
    ],
)
def test_bare_words_are_found(template: str, words: str) -> None:
    assert [text for _line, text in bare_words(template)] == [words]


@pytest.mark.parametrize(
    "template",
    [
        '<p class="Some thing" id="x">{{ _("Hello") }} · 12 &middot; &nbsp;</p>',
        '<a href="{{ url_for("leads:show", lead_id=x) }}">{{ _("Open") }}</a>',
        '{{ ui.button(_("Save"), "primary") }}',
        "{% trans count=n %}One lead{% pluralize %}{{ count }} leads{% endtrans %}",
        '<span translate="no">English <b>x</b><br>more</span>',
        '<input type="hidden" value="Some Value"><input type="text" value="Some">',
        '{% extends "base.html" %}{% import "macros/ui.html" as ui %}',
        '{% if kind == "Some Kind" %}{{ x }}{% endif %}',
        "{# Words of a comment #}<!-- and of another --><style>b { color: red }</style>",
        '<p{% if x %} class="Wide one"{% endif %}>{{ x }}</p>',
    ],
)
def test_translated_and_silent_words_pass(template: str) -> None:
    assert bare_words(template) == []


def test_the_line_is_the_one_of_the_words() -> None:
    assert bare_words("{# a\nb #}\n<p>\n\n  Here</p>") == [(5, "Here")]


def _project(root: Path, template: str, code: str = "") -> Path:
    folder = root / "crm" / "things"
    (folder / "templates").mkdir(parents=True)
    (folder / "templates" / "page.html").write_text(template)
    (folder / "pages.py").write_text(code)
    return root / "locale"


def test_a_planted_bare_string_and_a_missing_translation_fail(tmp_path: Path) -> None:
    locale = _project(tmp_path, "<p>Planted</p>\n<p>{{ _('Said') }}</p>", 'x = _("Coded")\n')
    assert check(tmp_path, locale) == [
        "crm/things/pages.py:1: no translation (es): 'Coded'",
        "crm/things/templates/page.html:2: no translation (es): 'Said'",
        "crm/things/templates/page.html:1: not in _(): 'Planted'",
    ]


def test_update_adds_what_is_missing_and_a_translation_heals(tmp_path: Path) -> None:
    code = 'a = N_("One")\nb = ngettext("%(num)s lead", "%(num)s leads", 2)\n'
    locale = _project(tmp_path, "{{ _('One') }}", code)
    assert update(tmp_path, locale) == 2
    assert update(tmp_path, locale) == 0
    catalog = locale / "es" / "LC_MESSAGES" / "things.po"
    assert len(check(tmp_path, locale)) == 2
    filled = catalog.read_text().replace('msgid "One"\nmsgstr ""', 'msgid "One"\nmsgstr "Uno"')
    filled = filled.replace('msgstr[0] ""', 'msgstr[0] "%(num)s contacto"')
    catalog.write_text(filled.replace('msgstr[1] ""', 'msgstr[1] "%(num)s contactos"'))
    assert check(tmp_path, locale) == []


def test_a_translation_with_other_placeholders_fails(tmp_path: Path) -> None:
    locale = _project(tmp_path, "", 'x = _("Up to %(limit)s", limit=1)\n')
    catalog = locale / "es" / "LC_MESSAGES" / "things.po"
    catalog.parent.mkdir(parents=True)
    catalog.write_text('msgid "Up to %(limit)s"\nmsgstr "Hasta %(limite)s"\n')
    [fault] = check(tmp_path, locale)
    assert "other placeholders" in fault


def test_a_fuzzy_translation_does_not_count(tmp_path: Path) -> None:
    locale = _project(tmp_path, "", 'x = _("Said")\n')
    catalog = locale / "es" / "LC_MESSAGES" / "things.po"
    catalog.parent.mkdir(parents=True)
    catalog.write_text('#, fuzzy\nmsgid "Said"\nmsgstr "Dicho"\n')
    assert len(check(tmp_path, locale)) == 1


def test_a_phrase_has_one_translation(tmp_path: Path) -> None:
    locale = _project(tmp_path, "", 'x = _("Call")\n')
    folder = locale / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "things.po").write_text('msgid "Call"\nmsgstr "Llamar"\n')
    (folder / "others.po").write_text('msgid "Call"\nmsgstr "Llamada"\n')
    [fault] = check(tmp_path, locale)
    assert "two translations" in fault


def test_this_layer_is_translated() -> None:
    own = ("crm/web/", "crm/core/")
    assert [fault for fault in check() if fault.startswith(own)] == []


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert translations.main(["wrong"]) == 2
    assert "check|update" in capsys.readouterr().err
