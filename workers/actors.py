"""The one actor: a message says which kind of work is due; PostgreSQL says whether it is."""

from collections.abc import Callable
from uuid import UUID

import dramatiq
from dramatiq.middleware import CurrentMessage

from crm.core.hand import in_hand
from crm.core.performing import claim_and_perform
from crm.core.runtime import Runtime
from workers.broker import RUN_WORK, DoorbellBroker

_ROUNDS = 5
"""Chunks that one message may do before other messages get their turn."""


def make_actors(broker: DoorbellBroker, runtime: Runtime) -> Callable[[str, list[str]], None]:
    """Declare the actor on a broker and return it; it serves every queue a worker listens to."""

    @dramatiq.actor(broker=broker, actor_name=RUN_WORK, queue_name="default", max_retries=0)
    def run_work(kind: str, ids: list[str]) -> None:
        message = CurrentMessage.get_current_message()
        queue = message.queue_name if message is not None else "default"
        with in_hand(queue, runtime.settings.lease):
            if ids:
                claim_and_perform(runtime, kind, ids=[UUID(value) for value in ids])
            else:
                drain_due(runtime, kind, queue)

    return run_work


def drain_due(runtime: Runtime, kind: str, queue: str) -> int:
    """Do what is due of a kind in a queue, chunk by chunk; return how many rows were done."""
    limit = runtime.work[kind].limit
    done = 0
    for _ in range(_ROUNDS):
        claimed = claim_and_perform(runtime, kind, queue=queue, limit=limit)
        done += claimed
        if claimed < limit:
            break
    return done
