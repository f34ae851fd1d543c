"""Carry each update through the gate to its handler, and the reply back to the chat.

Handlers run as tasks of their own, so that a slow venue holds up nobody else; a tap is
answered within a second whatever its handler does.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from telegram import Update
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    ApplicationHandlerStop,
    CallbackContext,
    ContextTypes,
    ExtBot,
    TypeHandler,
)

from bot.access import Caller, Pace, RefusalReason, judge, may_command
from bot.application.closing import ManyCloses
from bot.application.gate import knock_of, words_of
from bot.application.polling import Poller, wait_after
from bot.callbacks import Verb, decode
from bot.cards import away, trouble
from bot.cards.card import Card, Reply
from bot.cards.secret import looks_secret, secret_card
from bot.handlers import settings
from bot.handlers.routes import COMMANDS, VERBS, unknown_command, unknown_text
from bot.messenger import Sent
from core.errors import CoreError, VenueError
from core.model.units import ChatId, MessageId, UserId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telegram import CallbackQuery, Message

    from bot.access import People, Refusal
    from bot.application.replies import Replies
    from bot.callbacks import Tap
    from bot.handlers.desk import CommandHandler, Desk
    from bot.messenger import Messenger
    from core.ports import Tasks

log = logging.getLogger(__name__)

ANSWER_AFTER: Final = timedelta(seconds=0.8)
"""A tap is answered at the latest now, with a toast if its handler has finished."""
STALE: Final = timedelta(seconds=60)
"""A typed command older than this came while the bot was away."""
NEVER_STALE: Final = frozenset({"pause", "halt"})
_STRANGER_GAP: Final = timedelta(minutes=1)
_HUSH: Final = timedelta(seconds=10)
"""For so long a person who was told "too fast" is not told again."""
_CONCURRENT: Final = 8


_Store = dict[Any, Any]


class Context(CallbackContext[ExtBot[int], _Store, _Store, _Store]):
    """What travels with one update from the gate to its handler."""

    caller: Caller | None = None


App = Application[ExtBot[int], Context, _Store, _Store, _Store, Any]


async def open_application(bot: ExtBot[int]) -> App:
    """Return the library's application; it looks at files while it is built."""

    def build() -> App:
        return (
            Application.builder()
            .bot(bot)
            .updater(None)
            .job_queue(None)
            .concurrent_updates(_CONCURRENT)
            .context_types(ContextTypes(context=Context))
            .build()
        )

    return await asyncio.to_thread(build)


@dataclass(slots=True)
class _Pending:
    """A tap on its way to its one answer."""

    query_id: str
    toast: asyncio.Future[str]
    is_answered: bool = False


class Frontend:
    """The application, its poller and its gate."""

    def __init__(  # noqa: PLR0913 - a parts list, wired in one place
        self,
        *,
        app: App,
        desk: Desk,
        messenger: Messenger,
        replies: Replies,
        people: People,
        tasks: Tasks,
        heard: Callable[[ChatId], Awaitable[None]],
        on_conflict: Callable[[], Awaitable[None]],
    ) -> None:
        self._desk, self._messenger, self._people = desk, messenger, people
        self._replies = replies
        self._closes = ManyCloses(desk=desk, messenger=messenger, replies=replies)
        self._tasks, self._heard = tasks, heard
        self._pace = Pace()
        self._menus: set[ChatId] = set()
        self._stranger_at: float | None = None
        self._hushed: dict[int, float] = {}
        self._decided: set[str] = set()
        self._newest: dict[tuple[ChatId, str], MessageId] = {}
        self.connecting: asyncio.Task[object] | None = None
        """The task that runs `connect`, to be stopped if it never gets through."""
        self.app = app
        self.app.add_handler(TypeHandler(Update, self._gate, block=True), group=-1)
        self.app.add_handler(TypeHandler(Update, self._dispatch, block=True), group=0)
        self.app.add_error_handler(self._failed)
        self.poller = Poller(
            messenger.bot,
            self.app.update_queue,
            clock=desk.clock,
            tasks=tasks,
            on_conflict=on_conflict,
        )

    # --- life -----------------------------------------------------------------------

    async def connect(self) -> None:
        """Reach Telegram, however long that takes, and begin to poll."""
        failures = 0
        while not await self._connected(failures):
            failures += 1
            await self._desk.clock.sleep(wait_after(failures))
        log.info("connected to Telegram as @%s", self._messenger.bot.username)
        await self._messenger.set_commands((), None)
        for user_id in (*self._people.owners, *self._people.viewers):
            await self._set_menu(ChatId(user_id))
        await self.app.start()
        self.poller.start()

    async def stop_listening(self) -> None:
        """Take no update any more; what was taken is confirmed to Telegram."""
        if self.connecting is not None and not self.connecting.done():
            self.connecting.cancel()
            await asyncio.wait({self.connecting})
        if self.app.running:
            await self.poller.stop()
            await self.app.stop()

    async def close(self) -> None:
        """Let go of every connection; nothing can be sent after this."""
        await self.stop_listening()
        await self.app.shutdown()
        await self._messenger.bot.shutdown()

    async def _connected(self, failures: int) -> bool:
        try:
            await self.app.initialize()
            await self._messenger.bot.delete_webhook(drop_pending_updates=False)
        except TelegramError as error:
            level = logging.WARNING if failures else logging.ERROR
            log.log(level, "cannot reach Telegram yet: %s", error)
            return False
        return True

    async def _set_menu(self, chat_id: ChatId) -> None:
        is_owner = chat_id in self._people.owners
        menu = [
            (name, route.description)
            for name, route in COMMANDS.items()
            if is_owner or not route.owner_only
        ]
        if isinstance(await self._messenger.set_commands(menu, chat_id), Sent):
            self._menus.add(chat_id)

    # --- gate -----------------------------------------------------------------------

    async def _gate(self, update: Update, context: Context) -> None:
        """Let known people through; whatever goes wrong here, nobody passes."""
        try:
            context.caller = await self._admit(update)
        except Exception:
            log.exception("the gate failed and refused update %s", update.update_id)
        if context.caller is None:
            raise ApplicationHandlerStop

    async def _admit(self, update: Update) -> Caller | None:
        now_s = self._desk.clock.monotonic()
        verdict = judge(knock_of(update), self._people, self._pace, now_s)
        if isinstance(verdict, Caller):
            return verdict
        self._tasks.start(self._turn_away(update, verdict), name="refusal")
        return None

    async def _turn_away(self, update: Update, refusal: Refusal) -> None:
        """Tell those who may know why; a stranger hears nothing at all."""
        member = update.my_chat_member
        if member is not None and member.chat.type != "private":
            await self._messenger.leave(member.chat.id)
        if refusal.user_id is None:
            return
        if refusal.is_stranger:
            await self._report_stranger(refusal.user_id)
        elif refusal.is_answered:
            await self._explain_refusal(update, refusal, UserId(refusal.user_id))

    async def _report_stranger(self, user_id: int) -> None:
        """Log and tell owners, but not for every knock of a flood."""
        now_s, last = self._desk.clock.monotonic(), self._stranger_at
        if last is None or now_s - last >= _STRANGER_GAP.total_seconds():
            self._stranger_at = now_s
            log.warning("refused stranger user=%s", user_id)
            await self._desk.engine.report_stranger(user_id)

    async def _explain_refusal(
        self, update: Update, refusal: Refusal, user_id: UserId
    ) -> None:
        """Answer every tap, but of many messages that came too fast only one."""
        is_too_fast = refusal.reason is RefusalReason.TOO_FAST
        is_typed = update.callback_query is None
        says = trouble.refused_text(
            is_too_fast=is_too_fast, wait_s=refusal.wait_s, is_typed=is_typed
        )
        if update.callback_query is not None:
            await self._messenger.answer(update.callback_query.id, says)
            return
        now_s = self._desk.clock.monotonic()
        if is_too_fast and now_s < self._hushed.get(user_id, now_s):
            return
        if is_too_fast:
            self._hushed[user_id] = now_s + _HUSH.total_seconds()
        await self._replies.say(Card(html=says), user_id)

    # --- commands and taps ------------------------------------------------------------

    async def _dispatch(self, update: Update, context: Context) -> None:
        caller = context.caller
        if caller is None:
            return
        self._tasks.start(self._hear(caller.chat_id), name="heard")
        if update.message is not None:
            work = self._on_message(caller, update.message)
            self._tasks.start(work, name=f"message {update.message.message_id}")
        elif update.callback_query is not None:
            query = update.callback_query
            self._tasks.start(self._on_tap(caller, query), name=f"tap {query.id}")

    async def _hear(self, chat_id: ChatId) -> None:
        await self._heard(chat_id)
        if chat_id not in self._menus:
            await self._set_menu(chat_id)

    async def _on_message(self, caller: Caller, message: Message) -> None:
        typed = message.text or ""
        command, words = words_of(typed)
        message_id = MessageId(message.message_id)
        answered = message.reply_to_message
        if looks_secret(typed):
            await self._refuse_secret(caller, message_id)
            return
        if self._desk.clock.now() - message.date > STALE and command is not None:
            reply = await self._overdue(caller, command, words, message)
        elif answered is not None and command is None:
            question_id = MessageId(answered.message_id)
            reply = await self._answered(caller, typed, question_id, message_id)
        else:
            reply = await self._commanded(caller, command, words, message_id)
        if reply is not None:
            await self._replies.to_message(reply, caller)

    async def _refuse_secret(self, caller: Caller, message_id: MessageId) -> None:
        """Take a typed key out of the chat; it is neither stored nor logged."""
        log.warning("user=%s typed what looks like a secret", caller.user_id)
        is_deleted = await self._messenger.delete(caller.chat_id, message_id)
        card = secret_card(self._desk.look(caller), is_deleted=is_deleted)
        await self._replies.say(card, caller.user_id)

    async def _answered(
        self,
        caller: Caller,
        typed: str,
        question_id: MessageId,
        message_id: MessageId,
    ) -> Reply:
        """Take a reply to a question of ours; any other reply is plain text."""

        async def work() -> Reply:
            desk = self._desk
            if caller.is_owner:
                found = await settings.answer(desk, caller, typed, question_id)
                if found is not None:
                    return found
            return await unknown_text(desk, caller, tuple(typed.split()), message_id)

        return await self._explained(work(), caller)

    async def _overdue(
        self, caller: Caller, command: str, words: tuple[str, ...], message: Message
    ) -> Reply | None:
        """Ask before doing what was typed while the bot was away.

        Of several equal requests to show something only the latest is answered.
        """
        message_id = MessageId(message.message_id)
        route = COMMANDS.get(command)
        if command in NEVER_STALE or route is None:
            return await self._commanded(caller, command, words, message_id)
        if route.is_state_changing:
            age = self._desk.clock.now() - message.date
            text = " ".join((command, *words))
            return Reply(card=away.away_card(self._desk.look(caller), text, age))
        key = (caller.chat_id, command)
        self._newest[key] = max(message_id, self._newest.get(key, message_id))
        await self._desk.clock.sleep(timedelta(seconds=1))
        if self._newest.get(key) != message_id:
            return None
        self._newest.pop(key)
        return await self._commanded(caller, command, words, message_id)

    async def _commanded(
        self,
        caller: Caller,
        command: str | None,
        words: tuple[str, ...],
        message_id: MessageId,
    ) -> Reply:
        handler: CommandHandler = unknown_text
        if command is not None:
            route = COMMANDS.get(command)
            handler = unknown_command if route is None else route.handler
        work = handler(self._desk, caller, words, message_id)
        return await self._explained(work, caller)

    async def _on_tap(self, caller: Caller, query: CallbackQuery) -> None:
        """Answer once: with the toast if the handler is quick, bare if it is not."""
        pending = _Pending(query.id, asyncio.get_running_loop().create_future())
        work = self._tapped(caller, query, pending)
        self._tasks.start(work, name=f"work of tap {query.id}")
        await asyncio.wait({pending.toast}, timeout=ANSWER_AFTER.total_seconds())
        pending.is_answered = True
        toast = pending.toast.result() if pending.toast.done() else ""
        await self._messenger.answer(query.id, toast)

    async def _tapped(
        self, caller: Caller, query: CallbackQuery, pending: _Pending
    ) -> None:
        tap, message = decode(query.data or ""), query.message
        if message is None:
            return
        message_id = MessageId(message.message_id)
        if tap is None:
            log.warning("unknown button data from user=%s", caller.user_id)
            pending.toast.set_result(trouble.UNKNOWN_BUTTON)
            return
        reply = await self._pressed(caller, tap, message_id)
        is_late = pending.is_answered
        if not is_late:
            pending.toast.set_result(reply.toast)
        await self._replies.to_tap(reply, caller, tap, message_id)
        if reply.closing is not None:
            await self._closes.run(reply.closing, caller, message_id)
        if reply.card is None and is_late and reply.toast:
            await self._replies.say(
                Card(html=trouble.as_text(reply.toast)), caller.user_id
            )

    async def _pressed(self, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
        if tap.verb is Verb.RETRY and tap.arg in away.ANSWERS:
            return await self._explained(self._on_away(caller, tap, message_id), caller)
        if tap.verb is Verb.CONFIRM:
            await self._replies.settled(caller.chat_id)
        work = VERBS[tap.verb](self._desk, caller, tap, message_id)
        reply = await self._explained(work, caller)
        if reply.closing is not None and not self._closes.claim(tap.subject):
            return Reply(toast=trouble.ALREADY_RUNNING)
        if tap.verb is Verb.CONFIRM and reply.toast == trouble.ONE_MOMENT:
            self._pace.confirms.give_back(caller.user_id)
        return reply

    async def _on_away(self, caller: Caller, tap: Tap, message_id: MessageId) -> Reply:
        """Do, or forget, what was typed while the bot was away; once."""
        screen = await self._desk.cards.screen(tap.subject)
        look = self._desk.look(caller)
        if (
            screen is None
            or (screen.kind, screen.user_id) != (away.KIND, caller.user_id)
            or (screen.chat_id, screen.message_id) != (caller.chat_id, message_id)
        ):
            return Reply(toast=trouble.UNKNOWN_BUTTON)
        command, words = words_of(f"/{screen.shown['text']}")
        if command is None or not may_command(command, caller.role):
            return Reply(toast=trouble.VIEW_ONLY)
        latest = await self._desk.cards.screen_of_message(caller.chat_id, message_id)
        is_over = latest is not None and latest.card_id != screen.card_id
        if is_over or screen.card_id in self._decided:
            return Reply(toast=away.ANSWERED)
        self._decided.add(screen.card_id)
        is_done = tap.arg == away.DO
        await self._messenger.edit(
            away.answered_card(look, screen.shown["text"], is_done=is_done),
            chat_id=caller.chat_id,
            user_id=caller.user_id,
            message_id=message_id,
        )
        if not is_done:
            return Reply()
        reply = await self._commanded(caller, command, words, message_id)
        return Reply(card=reply.card, is_new=True, plan_id=reply.plan_id)

    async def _explained(self, work: Awaitable[Reply], caller: Caller) -> Reply:
        """Turn what a handler raises into a card; this is the only place that does."""
        look = self._desk.look(caller)
        try:
            return await work
        except (CoreError, VenueError) as error:
            log.info("user=%s refused: %s", caller.user_id, error)
            return Reply(card=trouble.trouble_card(look, error))
        except Exception:
            code = self._desk.ids.short()
            log.exception("user=%s code=%s went wrong", caller.user_id, code)
            return Reply(card=trouble.unexpected_card(look, code))

    async def _failed(self, _update: object, context: Context) -> None:
        """Log what no handler of ours caught; the library would only print it."""
        log.error("an update ended badly", exc_info=context.error)
