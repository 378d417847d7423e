"""What a broker is told, command by command."""

import threading
from typing import Any
from uuid import uuid4

import redis

from crm.core.settings import Settings


class Monitored:
    """Write down every command that the broker gets, until the block ends."""

    def __init__(self, settings: Settings, into: list[str]) -> None:
        assert settings.redis_url is not None
        self.client: Any = redis.Redis.from_url(settings.redis_url, socket_timeout=None)
        self.last = f"last-{uuid4()}"
        self.into = into
        self.is_listening = threading.Event()
        self.thread = threading.Thread(target=self._listen)

    def __enter__(self) -> None:
        self.thread.start()
        assert self.is_listening.wait(20)

    def __exit__(self, *_: object) -> None:
        self.client.echo(self.last)
        self.thread.join(20)
        self.client.close()

    def _listen(self) -> None:
        with self.client.monitor() as monitor:
            self.is_listening.set()
            for command in monitor.listen():
                if self.last in str(command["command"]):
                    return
                self.into.append(str(command["command"]))
