"""One chunk whose texts leave through several of the clinic's accounts."""

from crm.messaging.actions import add_sender, pause_account
from crm.messaging.channels.base import Account, Channels
from tests.messaging.stage import ScriptedChannel, Stage, accepted


def test_each_text_of_a_chunk_leaves_through_its_own_account(stage: Stage) -> None:
    used: dict[str, ScriptedChannel] = {}

    def opened(account: Account) -> ScriptedChannel:
        return used.setdefault(str(account.external_id), ScriptedChannel(accepted))

    stage.runtime.channels = Channels({"twilio": opened})
    texts = []
    for number in range(3):
        with stage.uow() as uow:
            sender = add_sender(uow, "twilio", f"+1212555020{number}", external_id=f"AC{number}")
        texts += [stage.text(stage.somebody(), sender_id=sender.id) for _ in range(7)]
        if number == 1:
            with stage.uow() as uow:
                pause_account(uow, sender.account_id, "20003")

    stage.work()
    assert {sid: {one.sender for one in channel.wire} for sid, channel in used.items()} == {
        "AC0": {"+12125550200"},
        "AC2": {"+12125550202"},
    }
    statuses = [stage.row(text).status for text in texts]
    assert statuses == ["sent"] * 7 + ["queued"] * 7 + ["sent"] * 7
    assert {stage.row(text).held_reason for text in texts[7:14]} == {"sender_paused"}
