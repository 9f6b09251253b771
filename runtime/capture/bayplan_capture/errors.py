"""The exceptions of the capture process; one is meant for people."""


class CaptureError(Exception):
    """What was wrong with the model that is to be captured, and what to do about it.

    The parent process shows the message as it stands; ``details`` (such as the traceback of the
    user's own code) fold out below it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class NeedsRealTensorsError(Exception):
    """The step uses a tensor whose content is unknown because the model was built on fake tensors."""
