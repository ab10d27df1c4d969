"""The work from a prompt to pictures in the outbox: planned, reserved once, asked for side by side, settled."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace

from bot.core.catalogue import Price
from bot.core.choosing import check_allowed, loggable_model
from bot.core.conversation import Question, Reply
from bot.core.errors import ParleyError
from bot.core.errors.provider import ProviderTimeout
from bot.core.errors.work import ModelCannotEdit, PictureTooLarge, Stopped, StoppedDrawing, WaitedTooLong
from bot.core.limits import UPLOAD_BYTES, UPLOAD_FILE_BYTES
from bot.core.parts import Parts
from bot.core.pictures.composing import GrowingPicture, change_note, compose_pictures
from bot.core.pictures.formats import kind_of_picture
from bot.core.pictures.mapping import Plan, plan_pictures
from bot.core.pictures.models import ANY_SERVERS, PictureModel
from bot.core.pictures.ports import Encoded, MadePictures, PictureMaker, PictureRequest, Workshop
from bot.core.pictures.pricing import cost_micro_usd, worst_call_micro_usd
from bot.core.ports.files import FileReader, FilesRead, Picture
from bot.core.ports.money import MediaUsage, Reservation, Settlement
from bot.core.ports.screen import Screen
from bot.core.pseudonyms import ids, member_hash
from bot.core.tasks import PictureAction, PictureTask
from bot.core.working import PaidWork

log = logging.getLogger(__name__)

TICK_SECONDS = 5.0  # how often the time that went by is shown anew
UPLOAD_ROOM_BYTES = 64 * 1024  # of a request to Discord, for everything but the files


@dataclass(frozen=True, slots=True)
class PictureParts:
    """What pictures are made with. ``model``: the operator's."""

    maker: PictureMaker
    workshop: Workshop
    model: str


@dataclass(frozen=True, slots=True)
class _Call:
    """What became of one call. ``micro_usd``: what it cost, for all that is known."""

    made: MadePictures | None
    error: ParleyError | None
    micro_usd: int


class PictureWork(PaidWork):
    """Makes pictures. What is finished counts, whatever becomes of the other calls."""

    def __init__(
        self, own: PictureParts, parts: Parts, question: Question, screen: Screen, files: FileReader | None
    ) -> None:
        super().__init__(parts, question, screen, files)
        self._own = own
        self._draft = GrowingPicture(question, parts.sentences, parts.clock)
        self._price: Price | None = None
        self._takes = ANY_SERVERS
        self._sent: set[int] = set()  # the calls that the provider may have got, by their number

    @property
    def _task(self) -> PictureTask:
        task = self.question.task
        if not isinstance(task, PictureTask):
            raise TypeError("not a task about pictures")
        return task

    async def run(self) -> Reply:
        """Return the reply once it is stored; raises a ``ParleyError``."""
        parts = self._parts
        model, replaced_from = self._model()
        entry = parts.catalogue.entry(model)
        self._takes = entry.pictures or ANY_SERVERS
        self._price = entry.price(parts.clock.now().date())
        if self._task.action is not PictureAction.GENERATE and not self._takes.inputs and not self._takes.variations:
            raise ModelCannotEdit(model=model)
        ticking = asyncio.create_task(self._tick())  # who waits for a place sees that, and can stop
        try:
            plan, calls = await self._stoppable(self._made(model))
        except Stopped:
            raise StoppedDrawing from None
        finally:
            ticking.cancel()
        return await self._finished(plan, calls, replaced_from)

    async def _made(self, model: str) -> tuple[Plan, list[_Call]]:
        if self._files is None:
            return await self._asked(model)
        async with self._place(), self._room():  # what is uploaded is held until the end
            self._check_time()
            return await self._asked(model)

    def _place(self) -> AbstractAsyncContextManager[None]:
        return self._parts.drawing.place(self.question.counts_for)

    async def _asked(self, model: str) -> tuple[Plan, list[_Call]]:
        parts = self._parts
        files = await self._prepared(await self._read_files(), self._takes)
        plan = plan_pictures(
            model,
            self._takes,
            self._task,
            self.question.text,
            files,
            member_hash=member_hash(parts.policy, self.question.author_id),
        )
        self._draft.expect(plan.count)
        worst = sum(self._worst(call) for call in plan.calls)
        await self._reserve(Reservation("image", model, worst))
        return plan, await self._all(plan)

    def _model(self) -> tuple[str, str | None]:
        """Return the model, and the one it replaces. Elsewhere the models that OpenAI has retired may live on."""
        parts, chosen = self._parts, self._task.model
        asked = chosen or self._own.model
        check_allowed(parts, chosen, "image")
        takes = parts.catalogue.entry(asked).pictures or ANY_SERVERS
        if takes.contract == "dall-e" and not self._own.maker.is_openai:
            return asked, None
        resolved = parts.catalogue.resolve(asked, parts.clock.now().date())
        return resolved.model, resolved.replaced_from

    async def _prepared(self, files: FilesRead, takes: PictureModel) -> FilesRead:
        """Return the pictures as the model takes them. The dall-e contract wants squares, and nobody takes a GIF."""
        square = takes.contract == "dall-e"

        async def as_taken(picture: Picture) -> Picture:
            if square or picture.mime == "image/gif":
                return await self._own.workshop.as_png(picture, square=square)
            return picture

        pictures = [await as_taken(picture) for picture in files.pictures[: max(takes.inputs, 1)]]
        mask = None if files.mask is None else await as_taken(files.mask)
        return replace(files, pictures=(*pictures, *files.pictures[len(pictures) :]), mask=mask)

    def _worst(self, call: PictureRequest) -> int:
        unpriced = self._parts.policy.unpriced_call_micro_usd
        return worst_call_micro_usd(call, self._takes, self._price, unpriced_micro_usd=unpriced)

    async def _tick(self) -> None:
        """Show for how long this has been worked on."""
        while True:
            self._screen.show(self._draft)
            await self._parts.clock.sleep(TICK_SECONDS)

    def _show_partial(self, content: bytes) -> None:
        self._draft.add(content)
        self._screen.show(self._draft)

    async def _all(self, plan: Plan) -> list[_Call]:
        """Make all calls side by side, for as long as the turn may last; what is not done then is given up."""
        tasks = [asyncio.create_task(self._one(number, call)) for number, call in enumerate(plan.calls)]
        try:
            await asyncio.wait(tasks, timeout=max(self._left_seconds, 0.0))
        except asyncio.CancelledError:
            await _cancelled(tasks)
            if not self._is_stopped():
                raise
        await _cancelled(tasks)
        return [self._outcome(number, call, tasks[number]) for number, call in enumerate(plan.calls)]

    async def _one(self, number: int, call: PictureRequest) -> MadePictures:
        async with self._place() if self._files is None else nullcontext():
            self._check_time()
            self.sent = True
            self._sent.add(number)
            made = await self._own.maker.make(call, self._show_partial)
        self._draft.count(len(made.contents))
        self._screen.show(self._draft)
        return made

    def _outcome(self, number: int, call: PictureRequest, task: asyncio.Task[MadePictures]) -> _Call:
        if task.cancelled() and number not in self._sent:  # it never had a place
            return _Call(None, WaitedTooLong(), 0)
        worst = self._worst(call) if number in self._sent else 0
        if task.cancelled():  # the server may go on working on it
            return _Call(None, ProviderTimeout("given up"), worst)
        error = task.exception()
        if error is None:
            made = task.result()
            return _Call(made, None, cost_micro_usd(made.usage, self._price, worst_micro_usd=worst))
        if not isinstance(error, ParleyError):
            raise error
        log.info("a picture was not made", extra={**ids(self.question), "code": error.code, "detail": error.detail})
        return _Call(None, error, worst if error.may_be_billed else 0)

    async def _finished(self, plan: Plan, calls: list[_Call], replaced_from: str | None) -> Reply:
        made = [call.made for call in calls if call.made is not None]
        errors = [call.error for call in calls if call.error is not None]
        if not made:
            await self._settle(plan, calls)
            raise StoppedDrawing if self._is_stopped() else max(errors, key=lambda error: error.may_be_billed)
        pictures, notes = await self._fitting([content for one in made for content in one.contents])
        model = plan.calls[0].model
        if replaced_from is not None:
            notes.insert(0, self._parts.sentences("pictures.replaced_model", asked=replaced_from, model=model))
        ignored = tuple(dict.fromkeys(option for one in made for option in one.ignored_options))
        if (changed := change_note(model, plan.changes, ignored, self._parts.sentences)) is not None:
            notes.insert(0, changed)
        count = sum(len(one.contents) for one in made)
        if count < plan.count:
            key = "pictures.stopped" if self._is_stopped() else "pictures.fewer"
            notes.append(self._parts.sentences(key, made=count, count=plan.count))
        alt_text = self.question.text.strip() or self._parts.sentences(f"pictures.alt_{self._task.action.value}")
        reply = compose_pictures(self.question, pictures, notes, alt_text, spoiler=self._task.spoiler)
        today = self._parts.clock.now().date()
        settlement = Settlement(
            sum(call.micro_usd for call in calls),
            _summed([one.usage for one in made if one.usage is not None]),
            self._parts.catalogue.price_version(model, today),
        )
        await self._complete(reply, settlement)
        log.info(
            "made pictures",
            extra={
                **ids(self.question),
                "model": loggable_model(self._parts, model),
                "pictures": count,
                "asked": plan.count,
                "bytes": sum(len(picture.content) for picture in pictures),
                "micro_usd": settlement.micro_usd,
                "request_id": made[0].request_id,
            },
        )
        return reply

    async def _settle(self, plan: Plan, calls: list[_Call]) -> None:
        """Settle calls that came to nothing: only those that were sent may have cost something."""
        version = self._parts.catalogue.price_version(plan.calls[0].model, self._parts.clock.now().date())
        settlement = Settlement(sum(call.micro_usd for call in calls), None, version)
        await self._parts.store.settle_attempt(self.question.trigger_id, settlement)

    async def _fitting(self, contents: list[bytes]) -> tuple[list[Encoded], list[str]]:
        """Return the pictures as Discord takes them, and what is to be said of that."""
        of_all = (UPLOAD_BYTES - UPLOAD_ROOM_BYTES) // len(contents)
        limit_bytes = min(self.question.route.upload_bytes or UPLOAD_FILE_BYTES, of_all)
        fitting, shrunk = [], 0
        for content in contents:
            kind = kind_of_picture(content)
            if kind is not None and len(content) <= limit_bytes:
                fitting.append(Encoded(kind, content))
                continue
            smaller = await self._own.workshop.smaller(content, limit_bytes=limit_bytes)
            if smaller is not None:
                fitting.append(smaller)
                shrunk += 1
        if not fitting:
            raise PictureTooLarge
        say, lost = self._parts.sentences, len(contents) - len(fitting)
        notes = [say("pictures.smaller", count=shrunk, kind=fitting[-1].kind.upper())] if shrunk else []
        return fitting, [*notes, say("pictures.too_large", count=lost)] if lost else notes


async def _cancelled(tasks: list[asyncio.Task[MadePictures]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _summed(usages: list[MediaUsage]) -> MediaUsage:
    return MediaUsage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        input_image_tokens=sum(usage.input_image_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        pictures=sum(usage.pictures for usage in usages),
    )
