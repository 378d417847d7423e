"""What can go wrong with the bundled servers, said so that an operator knows what to do."""


class EmbeddedError(RuntimeError):
    """The bundled servers cannot be started or used; the message says what to do."""


class AlreadyRunning(EmbeddedError):
    """Another process serves this data folder."""
