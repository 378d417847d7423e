"""What a reply asks for: STOP, START or HELP, in bare words or in a plain sentence.

Twilio acts on bare words only; the law counts any words that a reasonable person understands
(LAW-3, LAW-33). So there are two lists: bare words, alone in the text or in a sentence of it, and
phrases that are a request to stop wherever they stand. The phrases are cautious: "stop by" and
"cancel my appointment" are no revocation, but where a sentence can be read as one it is taken as
one (LAW-9). Only the bare words START and UNSTOP lift an opt-out; YES never does (TW-55).
"""

import re
from dataclasses import dataclass
from typing import Literal
from unicodedata import category, normalize

Kind = Literal["stop", "start", "help"]

STOP_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}  # TW-51
    | {"alto", "parar", "cancelar", "baja", "nomas"}
)
SPANISH = frozenset(
    {"alto", "parar", "cancelar", "baja", "nomas", "ayuda", "no-envien", "no-mas-mensajes"}
    | {"no-quiero-mensajes", "dejen-de-enviar", "darme-de-baja", "cancelar-mensajes"}
)
"""The words and the names of phrases that only who writes Spanish uses."""
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info", "ayuda"})

LONGEST_READ = 5000
"""Characters of a body that are read: more than the longest text, and the top of an email."""

# Said around a bare word without changing it: "please stop, thank you".
_POLITE = frozenset(
    {"please", "pls", "plz", "thanks", "thank", "you", "ty", "ok", "okay", "just", "now"}
    | {"hi", "hello", "hey", "sir", "maam", "immediately", "already"}
    | {"por", "favor", "porfavor", "gracias", "hola", "ya"}
)
# Bare words that are clear also as one sentence among others. "Cancel. I am ill" is about a visit.
_CLEAR_WORDS = STOP_WORDS - {"cancel", "cancelar", "end", "parar"}

# Phones describe a reaction by quoting the text reacted to, and ours quote "Reply STOP".
_REACTION = re.compile(
    r"\W*(?:liked|loved|disliked|laughed at|emphasi[sz]ed|questioned|removed an?\b.{0,40}\bfrom"
    r"|reacted\b.{0,20}\bto|le (?:gusto|encanto)|\W{0,12}to)\s*[\"'«“”„]"
)
_NEGATIONS = (
    *("dont", "do not", "didnt", "did not", "never", "not", "did you", "did u", "why you"),
    *("dont want to", "do not want to", "didnt want to", "no need to"),
)
_NOT_NEGATED = "".join(rf"(?<!\b{words} )" for words in _NEGATIONS)
_TEXTS = r"(?:texts?|texting|messages?|messaging|msgs?|sms|e ?mails?|notifications?|reminders?)"
_MENSAJES = r"(?:mensajes?|textos?|sms|correos?|notificaciones|recordatorios)"

_PHRASES: dict[str, str] = {
    "stop-texting": rf"{_NOT_NEGATED}\b(?:stop|quit|cease)(?: all| the| these| your| my| with)*"
    r" (?:texting|messaging|contacting|emailing|calling|bothering|spamming|harassing|writing)\b",
    "stop-texts": rf"{_NOT_NEGATED}\b(?:stop|quit|cease|end|cancel)(?: sending| with| getting)?"
    rf"(?: me| us| to)?(?: all| any| the| these| those| this| them| your| my| of){{0,3}}"
    rf" {_TEXTS}\b",
    "stop-it": r"^(?:please )?(?:stop|quit|end) (?:it|this|that|these|sending|me)\b(?: please)?$",
    "stop-sending": r"^(?:please |pls |plz )?stop sending"
    r"(?: me| us| it| this| that| these| those| them)+(?: please)?$",
    "stop-number": r"^(?:please )?stop \d{1,2}$",
    "want-stop": r"\bi (?:just |really )?(?:want|need|would like)(?: you| u| this| these| it)*"
    r"(?: all)? to stop(?: it| this| that| now| please)?$",
    "please-stop": rf"{_NOT_NEGATED}\b(?:please|pls|plz|just) stop(?: it| this| that| now)?$",
    "no-more-texts": rf"\bno more (?:of )?(?:these |your )?{_TEXTS}\b",
    "opt-out": rf"{_NOT_NEGATED}\bopt(?:ing)?(?: me| us)? ?out\b",
    "unsubscribe": rf"{_NOT_NEGATED}\b(?:unsubscribe|unsubcribe|unsuscribe|desuscribir(?:me)?)\b",
    "remove-me": rf"{_NOT_NEGATED}\b(?:remove|take|delete) (?:me|us|my (?:number|phone|name|info))"
    rf" (?:off|from)(?: of)?(?: your| the| this| all| ur)*(?: mailing| contact| marketing| phone"
    rf"| calling| call| {_TEXTS})*(?: lists?| database| system| {_TEXTS})\b",
    "remove-me-alone": r"^(?:please |pls |plz |just )*(?:remove|delete) (?:me|us)"
    r"(?: now| please| thanks| thank you| immediately)*$",
    "remove-my-number": rf"{_NOT_NEGATED}\b(?:remove|delete|lose|forget) my (?:phone )?number\b",
    "do-not-text": r"\b(?:dont|do not|never)(?: ever)? (?:text|txt|message|msg|contact|e ?mail)"
    r" (?:me|us|this (?:number|phone)|my (?:number|phone))\b",
    "do-not-want-texts": r"\b(?:dont|do not|no longer) (?:want|wish)(?: to (?:get|receive|have))?"
    rf"(?: any| more| of| the| these| your| further| to be)* (?:{_TEXTS}|texted|contacted)\b",
    "leave-me-alone": rf"{_NOT_NEGATED}\bleave (?:me|us) alone\b",
    "revoke-consent": rf"{_NOT_NEGATED}\b(?:revoke|withdraw|rescind)(?: my| all)* (?:consent"
    r"|permission|authorization)\b",
    "no-envien": r"\bno (?:me |nos )?(?:vuelvan? a )?(?:envi(?:en?|es|ar)|mand(?:en?|es|ar)"
    r"|escrib(?:an?|as|ir)|contact(?:en?|es|ar)|molest(?:en?|es|ar))(?:me|nos)?\b",
    "no-mas-mensajes": rf"\bno mas {_MENSAJES}\b",
    "no-quiero-mensajes": r"\bno (?:quiero|deseo)(?: recibir| mas| sus| estos| los)*"
    rf" {_MENSAJES}\b",
    "dejen-de-enviar": r"(?<!\bno )\b(?:dej(?:en?|a|es)|par(?:en?|a)) de (?:enviar|mandar|escribir"
    r"|contactar|molestar|textear)(?:me|nos)?\b",
    "darme-de-baja": r"(?<!\bno )\b(?:dar(?:me|nos)?|de[nm]?me|denos|quiero(?: la)?)"
    r" (?:de )?baja\b",
    "cancelar-mensajes": rf"\b(?:cancel(?:ar|en?|a)|alto a|parar|paren?) (?:la suscripcion"
    rf"|(?:mis |los |sus |estos |de )*{_MENSAJES})\b",
}
_MATCHERS = {name: re.compile(pattern) for name, pattern in _PHRASES.items()}


_DROPPED = frozenset({"Mn", "Cf", "Cc", "Cs"})


@dataclass(frozen=True, slots=True)
class Match:
    """What a reply asks for, which rule says so, and the words it found, as evidence (LAW-10)."""

    kind: Kind
    matcher: str
    words: str

    @property
    def is_spanish(self) -> bool:
        """Whether it was asked in Spanish."""
        return self.matcher.partition(":")[2] in SPANISH


def classify(body: str) -> Match | None:
    """Tell whether a reply asks to stop, to start again or for help; None for everything else."""
    text = _plain(body[:LONGEST_READ])
    if _REACTION.match(text):
        return None
    words = _words(text)
    return _bare(words) or _sentence(text) or _phrase(" ".join(words))


def _bare(words: list[str]) -> Match | None:
    """Match a text that is nothing but a keyword; only STOP may be spaced or polite."""
    if len(words) == 1 and words[0] in START_WORDS:
        return Match("start", f"keyword:{words[0]}", words[0])
    if len(words) == 1 and words[0] in HELP_WORDS:
        return Match("help", f"keyword:{words[0]}", words[0])
    asked = _keyword(words, STOP_WORDS)
    return Match("stop", f"keyword:{asked}", " ".join(words)) if asked else None


def _sentence(text: str) -> Match | None:
    """Match a clear STOP word that is a line or a sentence of its own."""
    for sentence in re.split(r"[.,!?;:\n]+", text):
        words = _words(sentence)
        asked = _keyword(words, _CLEAR_WORDS)
        if asked:
            return Match("stop", f"sentence:{asked}", " ".join(words))
    return None


def _phrase(text: str) -> Match | None:
    for name, pattern in _MATCHERS.items():
        found = pattern.search(text)
        if found:
            return Match("stop", f"phrase:{name}", found[0].strip())
    return None


def _keyword(words: list[str], keywords: frozenset[str]) -> str | None:
    """Return the keyword that the words spell, written apart or with politeness around it."""
    spelled = "".join(words)
    if spelled in keywords:
        return spelled
    spelled = "".join(word for word in words if word not in _POLITE)
    return spelled if spelled in keywords else None


def _plain(body: str) -> str:
    """Fold case, width and accents; drop apostrophes and invisible characters."""
    folded = normalize("NFKD", normalize("NFKD", body).casefold())
    kept = (char for char in folded if char in "\n\r\t" or category(char) not in _DROPPED)
    return re.sub("['’‘`´ʼ]", "", "".join(kept))  # noqa: RUF001 -- the apostrophes people type


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)
