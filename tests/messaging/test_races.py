"""Several workers and a STOP at once: each text at most once, none after the STOP's commit."""

from collections import Counter
from collections.abc import Callable
from threading import Barrier, Lock, Thread
from uuid import UUID

import pytest

from crm.compliance.actions import suppress
from crm.core.performing import claim_and_perform
from crm.core.principal import SYSTEM
from crm.core.runtime import Runtime
from crm.messaging.actions import OutboundText, queue_texts
from crm.messaging.channels.base import Channels, OutboundMessage, Result
from crm.runtime import build_runtime
from tests.messaging.stage import ScriptedChannel, Stage, accepted


@pytest.fixture
def second(stage: Stage) -> Runtime:
    """A second process on the same database."""
    runtime = build_runtime(stage.runtime.settings, clock=stage.runtime.clock)
    runtime.channels = Channels({"twilio": lambda account: ScriptedChannel(_both(stage))})
    return runtime


def _both(stage: Stage) -> Callable[[OutboundMessage], Result]:
    lock = Lock()

    def answer(message: OutboundMessage) -> Result:
        with lock:
            stage.channel.wire.append(message)
        return accepted(message)

    return answer


def _at_once(*jobs: Callable[[], object]) -> None:
    faults: list[BaseException] = []
    start = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        start.wait()
        try:
            job()
        except BaseException as fault:
            faults.append(fault)

    threads = [Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_two_workers_on_the_same_rows_send_each_once(stage: Stage, second: Runtime) -> None:
    people = [stage.somebody() for _ in range(30)]
    texts = [stage.text(somebody) for somebody in people]
    stage.runtime.clock.advance(seconds=6)

    def work(runtime: Runtime) -> None:
        while claim_and_perform(runtime, "communications", limit=4):
            pass

    _at_once(
        lambda: work(stage.runtime),
        lambda: work(second),
        lambda: work(stage.runtime),
        lambda: work(second),
    )
    second.close()
    assert {stage.row(text).status for text in texts} == {"sent"}
    assert set(Counter(stage.sent_to).values()) == {1}
    assert len(stage.sent_to) == 30


def test_one_key_from_many_threads_is_one_text(stage: Stage, second: Runtime) -> None:
    ada = stage.somebody()
    ids: list[UUID] = []

    def queue(runtime: Runtime) -> None:
        with runtime.database.transaction(stage.clinic, SYSTEM) as uow:
            text = OutboundText(ada.contact_id, "care", "campaign", None, "one", body="Hi.")
            ids.append(queue_texts(uow, [text])["one"])

    _at_once(*[lambda: queue(stage.runtime), lambda: queue(second)] * 3)
    second.close()
    assert len(set(ids)) == 1
    stage.work()
    assert len(stage.channel.wire) == 1


@pytest.mark.parametrize("round_", range(5))
def test_no_text_is_taken_after_the_commit_of_a_stop(
    stage: Stage, second: Runtime, round_: int
) -> None:
    people = [stage.somebody() for _ in range(12)]
    texts = {somebody.address_id: stage.text(somebody) for somebody in people}
    stage.runtime.clock.advance(seconds=6)
    left_before: dict[UUID, bool] = {}

    def stop() -> None:
        for somebody in people[round_::2]:
            with second.database.transaction(stage.clinic, SYSTEM) as uow:
                suppress(uow, somebody.address_id, "sms", "stop")
                # Under the lock of the address: either it was taken before, or it never is.
                row = stage.row(texts[somebody.address_id])
                left_before[somebody.address_id] = row.status != "queued"

    _at_once(stop, lambda: stage.work(), lambda: claim_and_perform(second, "communications"))
    second.close()
    for somebody in people:
        was_sent = somebody.phone in stage.sent_to
        if somebody.address_id in left_before:
            assert was_sent == left_before[somebody.address_id]
            wanted = "sent" if was_sent else "blocked"
            assert stage.row(texts[somebody.address_id]).status == wanted
        else:
            assert was_sent
