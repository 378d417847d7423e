"""A reply that asks to stop is understood, and a reply that does not is left alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.compliance.keywords import HELP_WORDS, START_WORDS, STOP_WORDS, Match, classify

TW_51_STOP = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"]

STOPS = [
    *("opt out", "OPT-OUT", "S.T.O.P", "stop all", "ＳＴＯＰ", "pls stop 🙏", "Stop\u200b"),  # noqa: RUF001
    *("please stop", "ok stop", "stop, thank you", "please cancel", "Stop it!", "end this"),
    *("STOP\n\nSent from my phone", "Thanks but no. Stop.", "Stop! You have the wrong person"),
    *("Who is this? STOP", "I asked you twice please stop"),
    *("stop texting me", "please stop texting me", "Can you stop texting me?", "quit texting"),
    *("STOP MESSAGING THIS NUMBER", "stop calling me", "stop bothering me!!!"),
    *("Stop sending me these messages", "please stop all messages", "stop with the texts"),
    *(
        "Stop sending these",
        "stop sending this",
        "Please stop sending them",
        "STOP SENDING ME TEXTS",
    ),
    *("Stop these texts", "stop this text", "stop them texts", "stop me texts", "stop sending me"),
    *("I want to stop", "I want you to stop", "I asked before. I want this to stop", "STOP 2"),
    *("stop please", "remove me", "Please remove me!", "STOP SENDING ME TEXTS", "Remove me please"),
    *("end texts", "cancel my reminders", "No more texts please", "no more of these messages"),
    *("opt me out", "please opt me out", "I want to opt out", "how do I opt out", "I'm opting out"),
    *("unsubscribe me", "please unsubscribe", "I want to unsubscribe from this"),
    *("remove me from your list", "take me off this list", "Take me off of your texting list"),
    *("remove my number", "lose my number", "remove me from your system"),
    *("don't text me", "Don\u2019t text me again", "do not contact me", "never message us again"),
    *("I don't want these texts", "I do not want to receive any more messages"),
    *("I don't want to be contacted", "I no longer wish to receive texts", "leave me alone"),
    *("I revoke my consent", "I withdraw consent", "I moved away; stop texting me, thanks"),
    *("ALTO", "parar", "Cancelar", "no más", "¡No mas!", "alto por favor", "BAJA"),
    *("no me envíen más mensajes", "no me manden nada", "No más mensajes", "no me escriban"),
    *("no quiero recibir más mensajes", "dejen de mandarme mensajes", "deje de escribirme"),
    *("quiero darme de baja", "cancelar mensajes", "cancelar la suscripción"),
]
OTHERS = [
    *("", " ", "!!!", "👍", "\x00", "yes", "YES", "Yes!", "ok", "no", "si", "sí"),
    *("Stop by the clinic tomorrow?", "can I stop in at 5", "Could we stop at noon"),
    *("I got your text, can we stop in at noon?", "Does the bus stop near you?"),
    *("How do I stop the bleeding?", "the pain won't stop", "should I stop taking antibiotics?"),
    *("I want to cancel my appointment", "Cancel. I'm sick", "can you cancel Tuesday"),
    *("when will the numbness end?", "At the end of the week", "I quit smoking", "non stop pain"),
    *("I want to stop the pain", "I want to stop by", "I want you to stop the bleeding"),
    *("I don't want you to stop", "stop 2 of my pills?", "remove me from the 3 pm slot"),
    *("Don't stop texting me", "please don\u2019t unsubscribe me", "I did not opt out"),
    *("why did you stop texting me?", "I never opted out", "I don't want to stop the messages"),
    *("take me off the waiting list", "take me off the waitlist", "remove me from Friday"),
    *("remove my stitches", "I no longer want the appointment", "leave me a message"),
    *("I don't want to wait", "text me", "do not call before 9", "please text me instead"),
    *("start again", "start when?", "I'd like to start treatment", "un stop", "help me book"),
    *("info on braces?", "no quiero esperar", "no puedo parar el dolor", "para mañana"),
    *("Liked “Oak Dental: Reply STOP to opt out”", 'Loved "Reply STOP to stop texts"'),
    *("Emphasized “stop texting me”", "👍 to “Reply STOP to opt out”", "Le gustó “STOP”"),
    *('Removed a heart from "STOP"', "Reacted 👍 to “Reply STOP”"),
]


def kind(body: str) -> str | None:
    match = classify(body)
    return match.kind if match else None


@pytest.mark.parametrize("body", STOPS)
def test_asking_to_stop_in_any_words_is_a_stop(body: str) -> None:
    assert kind(body) == "stop"


@pytest.mark.parametrize("body", OTHERS)
def test_everything_else_is_left_for_a_person(body: str) -> None:
    assert classify(body) is None


@pytest.mark.parametrize("word", TW_51_STOP)
def test_the_providers_own_keywords_are_stops(word: str) -> None:
    assert classify(word) == Match("stop", f"keyword:{word.lower()}", word.lower())


@pytest.mark.parametrize("word", ["START", "UNSTOP"])
def test_only_start_and_unstop_start_again(word: str) -> None:
    assert {word.lower() for word in ("START", "UNSTOP")} == START_WORDS
    assert kind(word) == kind(f" {word.title()}! ") == "start"
    assert kind(f"please {word}") is None


@pytest.mark.parametrize("word", ["HELP", "INFO", "AYUDA"])
def test_help_is_asked_for_in_one_bare_word(word: str) -> None:
    assert kind(word) == kind(f"{word.lower()}?") == "help"
    assert kind(f"{word} please") is None


def test_the_rule_and_the_words_it_found_are_kept_as_evidence() -> None:
    assert classify("Hello. Please STOP texting me!") == Match(
        "stop", "phrase:stop-texting", "stop texting"
    )
    assert classify("No thanks.\nSTOP") == Match("stop", "sentence:stop", "stop")


@given(
    st.sampled_from(sorted(STOP_WORDS | START_WORDS | HELP_WORDS)),
    st.text(" \t\n.,!?-*\"'()\u00a0\u200d…", max_size=6),
    st.text(" \t\n.,!?-*\"'()\u00a0\u200d…", max_size=6),
    st.integers(),
)
def test_case_punctuation_and_space_around_a_keyword_do_not_matter(
    word: str, before: str, after: str, seed: int
) -> None:
    chance = random.Random(seed)
    typed = "".join(chance.choice((char.upper(), char)) for char in word)
    assert kind(before + typed + after) == kind(word) is not None


@given(st.text(max_size=200))
def test_nothing_raises_and_start_comes_from_one_word_only(body: str) -> None:
    match = classify(body)
    if match and match.kind == "start":
        assert match.words in START_WORDS


@given(
    st.lists(
        st.sampled_from(
            ["stop", "all", "my", "the", "texts", "please", "dont", "me", "to", "no", "more", "de"]
        )
    )
)
def test_likely_words_in_any_order_read_the_same_in_any_case(words: list[str]) -> None:
    body = " ".join(words)
    assert kind(body) == kind(body.upper()) == kind(f"\n{body} ")


def test_a_body_of_any_length_is_read_only_as_far_as_a_text_can_be() -> None:
    assert kind("stop texting me " * 100_000) == "stop"
    assert kind("dont " * 100_000 + "stop texting me") is None
