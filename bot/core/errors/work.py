"""What ends the work on an answer or a task, whatever the server does."""

from __future__ import annotations

from bot.core.errors import ParleyError


class Stopped(ParleyError):
    """A member pressed Stop before the first word."""

    code = "stopped"
    may_be_billed = True  # where the model had been asked
    retryable = True


class StoppedDrawing(Stopped):
    """A member pressed Stop before the first picture was finished."""

    code = "stopped_drawing"


class Interrupted(ParleyError):
    """A restart cut the work too often, or too long ago."""

    code = "interrupted"
    retryable = True


class WaitedTooLong(ParleyError):
    """A turn's time was over before it was its turn: nothing was asked of the provider."""

    code = "waited_too_long"
    retryable = True


class TaskInterrupted(ParleyError):
    """A restart cut a task that had been sent to the provider: it may have cost money, so it is not done again."""

    code = "task_interrupted"
    may_be_billed = True
    retryable = True


class ModelCannotEdit(ParleyError):
    """The model makes pictures, and changes none."""

    code = "model_cannot_edit"

    def __init__(self, *, model: str = "") -> None:
        super().__init__(model=model)


class PictureTooLarge(ParleyError):
    """Pictures were made, and even made smaller they are larger than Discord takes."""

    code = "picture_too_large"
    may_be_billed = True


class NothingToRead(ParleyError):
    """There are no words to read aloud."""

    code = "nothing_to_read"


class TooLongToRead(ParleyError):
    """More words than are read aloud at once; nothing has been paid for."""

    code = "too_long_to_read"

    def __init__(self, detail: str = "", *, limit: int = 0) -> None:
        super().__init__(detail, limit=f"{limit:,}")
