"""Every icon that code or a template names is in the sprite: a missing one is an empty circle."""

import ast
from collections.abc import Iterator, Mapping

from jinja2 import Environment, nodes

from tests.architecture.source import PACKAGES, ROOT, product

KNOWN = {
    line.split()[0] for line in (ROOT / "crm/web/assets/icons.txt").read_text().splitlines() if line
}
MACROS = ROOT / "crm/web/templates/macros/ui.html"
TEMPLATES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.html"))
JINJA = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


def test_python_names_no_icon_that_is_not_there() -> None:
    assert len(list(in_python())) > 30
    assert [(place, name) for place, name in in_python() if name not in KNOWN] == []


def test_templates_name_no_icon_that_is_not_there() -> None:
    named = [(path.name, name) for path in TEMPLATES for name in in_template(path.read_text())]
    assert len(named) > 60
    assert [(path, name) for path, name in named if name not in KNOWN] == []


def test_icons_of_templates_are_found_in_each_way_of_naming_one() -> None:
    text = '{{ ui.icon("a") }}{{ ui.iconbtn("b", _("x")) }}{{ ui.button(_("x"), icon_name="c") }}'
    text += '{{ ui.link_button(_("x"), "/", "plain", "d" if e else "f") }}{{ other.icon(g) }}'
    assert sorted(in_template(text)) == ["a", "b", "c", "d", "f"]


def in_python() -> Iterator[tuple[str, str]]:
    """Yield the place and the name of each icon that a dataclass with an icon is made with."""
    places = {name: at for source in product() for name, at in fields_with_icons(source.tree)}
    for source in product():
        for call in source.nodes(ast.Call):
            at = places.get(getattr(call.func, "id", ""))
            if at is None:
                continue
            given = [one.value for one in call.keywords if one.arg == "icon"] or call.args[
                at : at + 1
            ]
            for name in strings(given):
                yield source.at(call, ""), name


def fields_with_icons(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each class with a field `icon`, and the field's place."""
    for made in ast.walk(tree):
        if isinstance(made, ast.ClassDef):
            fields = [one.target for one in made.body if isinstance(one, ast.AnnAssign)]
            names = [one.id for one in fields if isinstance(one, ast.Name)]
            if "icon" in names:
                yield made.name, names.index("icon")


def strings(given: list[ast.expr]) -> Iterator[str]:
    for one in given:
        branches = [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
        yield from (
            each.value
            for each in branches
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )


def icon_arguments() -> Mapping[str, tuple[str, int]]:
    """Return the argument of each macro that is an icon, and its place."""
    found = {"icon": ("name", 0)}
    for macro in JINJA.parse(MACROS.read_text()).find_all(nodes.Macro):
        names = [argument.name for argument in macro.args]
        if "icon_name" in names:
            found[macro.name] = ("icon_name", names.index("icon_name"))
    return found


ARGUMENTS = icon_arguments()


def in_template(text: str) -> Iterator[str]:
    """Yield the icons that a template names itself."""
    for call in JINJA.parse(text).find_all(nodes.Call):
        called = getattr(call.node, "attr", getattr(call.node, "name", ""))
        if called not in ARGUMENTS:
            continue
        name, at = ARGUMENTS[called]
        given = [one.value for one in call.kwargs if one.key == name] or call.args[at : at + 1]
        for one in given:
            branches = [one.expr1, one.expr2] if isinstance(one, nodes.CondExpr) else [one]
            for each in branches:
                if isinstance(each, nodes.Const) and isinstance(each.value, str):
                    yield each.value
