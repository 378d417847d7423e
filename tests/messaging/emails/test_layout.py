"""Every email has its footer, loads nothing, and says no more HTML than the layout does."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.messaging.emails.layout import Email, Letterhead, compose, links_of

HEAD = Letterhead("Oak & Elm Dental", "1 Main St\nSpringfield, IL 62701", "(212) 555-0100")
OUT = "https://clinic.example/u/secret?lang=en"
TAGS = {
    *("html", "head", "meta", "title", "body", "table", "tr", "td", "p", "br", "a"),
}


class Read(HTMLParser):
    """What a reader of mail makes of an email: its tags, its links and its words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data


def email(body: str = "Hello.", message_class: str = "care", **other: object) -> Email:
    values: dict[str, object] = {"language": "en", "unsubscribe_url": OUT, **other}
    return compose("News", body, HEAD, message_class=message_class, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("message_class", ["care", "marketing"])
def test_law_40_who_writes_from_where_and_the_way_out_stand_in_both_forms(
    message_class: str,
) -> None:
    made = email(message_class=message_class)
    for words in (made.text, Read(made.html).words):
        for part in ("Oak & Elm Dental", "1 Main St", "Springfield, IL 62701", "Unsubscribe"):
            assert part in words
    assert OUT in made.text
    assert OUT in Read(made.html).links


def test_a11_each_email_says_of_which_class_it_is() -> None:
    said = {email(message_class=each).text.splitlines()[-2] for each in ("care", "marketing")} | {
        email(message_class="system", unsubscribe_url=None).text.splitlines()[-1]
    }
    assert len(said) == 3
    assert any("agreed" in words for words in said)


@pytest.mark.parametrize(
    ("message_class", "url"), [("care", None), ("marketing", None), ("system", OUT)]
)
def test_law_40_only_what_is_essential_has_no_way_out(message_class: str, url: str | None) -> None:
    with pytest.raises(ValueError, match=message_class):
        email(message_class=message_class, unsubscribe_url=url)


def test_the_footer_is_in_the_readers_language() -> None:
    assert "Cancelar la suscripción" in email(language="es").text


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=300))
def test_sec_10_no_words_become_html_or_load_anything(words: str) -> None:
    read = Read(email(words).html)
    assert read.tags <= TAGS
    assert not read.attributes & {"src", "background", "srcset", "onload", "onclick"}
    assert read.links == [OUT]
    assert words.strip() in read.words.replace("\n", "") or not words.strip()


def test_sec_10_what_looks_like_html_is_said_and_not_done() -> None:
    made = email("<img src=https://evil.example/x> & <b>bold</b>\n\n<script>1</script>")
    assert Read(made.html).words.count("<img src=https://evil.example/x> & <b>bold</b>") == 1
    assert "<script>" not in made.html
    assert "url(" not in made.html
    assert "@import" not in made.html


def test_only_the_templates_own_addresses_become_links() -> None:
    source = "See https://clinic.example/visit. Hi {{ first_name }}"
    filled = "See https://clinic.example/visit. Hi https://evil.example/"
    read = Read(email(filled, links=links_of(source)).html)
    assert read.links == ["https://clinic.example/visit", OUT]
    assert "https://evil.example/" in read.words


def test_lines_and_paragraphs_are_kept() -> None:
    html = email("One\nTwo\n\nThree").html
    assert "One<br>Two</p>" in html
    assert ">Three</p>" in html
