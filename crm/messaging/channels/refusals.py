"""What providers' error codes mean for a text and for those that would follow it (TW-44).

SendGrid has words instead of codes: those of ours for them stand beside Twilio's (SG-11).

A code may come as the answer to a request, or hours later as a status. 30410 is not here: after a
provider's time-out a carrier may have the text, so it is final, like every code that is not known.
"""

from crm.messaging.channels.base import Action

_ACTIONS: dict[Action, frozenset[str]] = {
    "not_textable": frozenset(
        {"21211", "21214", "21217", "21614", "21635", "30005", "30006", "bounced", "invalid"}
    ),
    "opted_out": frozenset({"21610", "30004", "complained", "unsubscribed"}),
    "content": frozenset({"30007", "21617", "21602", "21619"}),
    "sender": frozenset(
        {"30034", "30024", "21606", "30002", "20003", "20404", "21603", "21212", "21659"}
    ),
    "later": frozenset({"20429", "429", "21611", "30001", "63038"}),
    "once_more": frozenset({"30003", "30008"}),
}
_BY_CODE = {code: action for action, codes in _ACTIONS.items() for code in codes}


def action_for(code: str | int) -> Action:
    """Return what a provider's error code asks for; `final` for one that is not known."""
    return _BY_CODE.get(str(code), "final")
