"""A thousand taps and texts of every wrong kind against two live confirm cards."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from core.model.trade import TradeState
from tests.journeys.house import ANNA, BEN, HASTE, STRANGER, VERA

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.telegram.model import ChatMessage
    from sandbox.telegram.stand_in import Tap
    from tests.journeys.house import House

pytestmark = [pytest.mark.journey, pytest.mark.timeout(60)]

SEED = 20261122
BATCH = 100
STRANGERS = (STRANGER, 1667, 1668)
TEXTS = (
    *("/open KAITO", "/open APT 2500", "/close", "/close KAITO", "/start", "/top"),
    *("/pause", "/resume", "/alerts off", "confirm", "yes", "y:", "/open" * 200),
    *("<b>", "&lt;script&gt;", "\u202e/open", "币安人生", "'; DROP TABLE plan; --"),
)


@dataclass
class Storm:
    """Everything hostile at once, from one seed."""

    house: House
    wanted: ChatMessage
    """Anna's card; she herself confirms it, again and again."""
    unwanted: ChatMessage
    """Her other card; nobody may manage to confirm it."""
    group: int
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    repeated: list[Tap] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for card in (self.wanted, self.unwanted):
            self.secrets += [str(button.data) for button in card.buttons]

    def blow(self) -> None:
        """Let one random thing happen."""
        kinds: tuple[Callable[[], None], ...] = (
            *(self.stranger, self.viewer, self.other_owner, self.other_message),
            *(self.in_group, self.inline, self.forwarded, self.edited),
            *(self.again, self.twice, self.garbage, self.text_of_stranger),
            self.text_of_viewer,
        )
        kind = self.chance.choice(kinds)
        self.counts[kind.__name__] += 1
        kind()

    def tap(
        self,
        user: int,
        data: str,
        *,
        chat: int | None = None,
        card: int = 0,
        inline: bool = False,
    ) -> Tap:
        """Tap; only what a known person taps in his own chat expects an answer."""
        own = chat is None and not inline and user not in STRANGERS
        return self.house.telegram.tap(
            user,
            user if chat is None else chat,
            card or self.unwanted.id,
            data=data,
            inline=inline,
            expects_answer=own,
        )

    def stranger(self) -> None:
        """Somebody unknown found the data of every button."""
        self.tap(self.chance.choice(STRANGERS), self.chance.choice(self.secrets))

    def viewer(self) -> None:
        """The viewer forges the owner's buttons."""
        self.tap(VERA, self.chance.choice(self.secrets))

    def other_owner(self) -> None:
        """The other owner presses Anna's buttons from his chat."""
        self.tap(BEN, self.chance.choice(self.secrets))

    def other_message(self) -> None:
        """Anna's own confirm data comes from another message."""
        data = str(self.unwanted.button("Open $").data)
        self.tap(ANNA, data, card=self.chance.choice((1, 99, self.wanted.id)))

    def in_group(self) -> None:
        """A button is pressed in a group, by anybody."""
        user = self.chance.choice((ANNA, BEN, VERA, *STRANGERS))
        self.tap(user, self.chance.choice(self.secrets), chat=self.group)

    def inline(self) -> None:
        """A button is pressed on an inline message, which has no chat."""
        user = self.chance.choice((ANNA, BEN, VERA, *STRANGERS))
        self.tap(user, self.chance.choice(self.secrets), inline=True)

    def forwarded(self) -> None:
        """A command arrives as somebody else's words."""
        user = self.chance.choice((ANNA, BEN))
        self.house.telegram.say(user, self.chance.choice(TEXTS), forward=True)

    def edited(self) -> None:
        """An old message turns into a command."""
        words = self.chance.choice(TEXTS)
        update = self.house.telegram.say(ANNA, words, edited=True)
        self.house.telegram.redeliver(update, new_id=True)

    def again(self) -> None:
        """Telegram delivers the wanted tap again and again."""
        tap = self.tap(ANNA, str(self.wanted_data), card=self.wanted.id)
        self.house.telegram.redeliver(tap.update)
        self.house.telegram.redeliver(tap.update, new_id=True)
        self.repeated.append(tap)

    def twice(self) -> None:
        """Anna's finger slips: two taps at once on the wanted card."""
        for _ in range(2):
            self.tap(ANNA, str(self.wanted_data), card=self.wanted.id)

    def garbage(self) -> None:
        """Somebody known sends up to 64 random bytes."""
        size = self.chance.randint(1, 64)
        letters = "ynzqoctsrpadbhg:0123456789ABCDEFabcdef_-./ \\'\"<&\x00\x7f"
        data = "".join(self.chance.choice(letters) for _ in range(size))
        self.tap(self.chance.choice((ANNA, BEN, VERA)), data)

    def text_of_stranger(self) -> None:
        """Somebody unknown types commands."""
        user = self.chance.choice(STRANGERS)
        chat = self.chance.choice((user, self.group))
        words = self.chance.choice(TEXTS)
        self.house.telegram.say(user, words, chat_id=chat)

    def text_of_viewer(self) -> None:
        """The viewer types what only owners may."""
        self.house.telegram.say(VERA, self.chance.choice(TEXTS))

    @property
    def wanted_data(self) -> str:
        """Return the data of the one button that is really pressed."""
        return self.secrets[0]


@pytest.mark.parametrize(
    "events", [300, pytest.param(1000, marks=pytest.mark.campaign)]
)
async def test_a_storm_of_hostile_or_duplicate_taps_makes_one_entry(
    house: House, events: int
) -> None:
    """One pair was confirmed, so one pair is opened; who is unknown hears nothing."""
    telegram = house.telegram
    # Two answers at once may both take the buttons off the same older message.
    house.allowed.append("message is not modified")
    for user in STRANGERS[1:]:
        telegram.add_user(user, f"Mallory{user}")
    for user in STRANGERS:
        telegram.start_chat(user)
    wanted = await house.say("/open KAITO")
    unwanted = await house.say("/open APT")
    group = telegram.create_group("friends", [ANNA, BEN, VERA, *STRANGERS], by=ANNA)
    house.clock.hurry(1)
    storm = Storm(house, wanted, unwanted, group, random.Random(SEED))
    await house.settle()
    calls_before = len(telegram.calls)
    for start in range(0, events, BATCH):
        house.breathe()
        for _ in range(start, start + BATCH):
            storm.blow()
        await house.settle()
    house.clock.hurry(HASTE)
    await house.rest()
    for tap in storm.repeated:
        house.forgive(tap)

    (trade,) = await house.trades()
    assert (trade.base, trade.state) == ("KAITO", TradeState.OPEN)
    held = [await each.positions() for each in house.accounts.values()]
    assert sum(len(each) for each in held) == 2
    assert (await house.engine.health()).halts == (), "nobody paused it"
    unknown = {*STRANGERS, group}
    to_unknown = [
        call.method
        for call in list(telegram.calls)[calls_before:]
        if call.params.get("chat_id") in unknown and call.method != "leaveChat"
    ]
    assert to_unknown == []
    answered = {
        query.user_id for query in telegram.memory.queries.values() if query.answers
    }
    assert answered <= {ANNA, BEN, VERA}
    assert sum(storm.counts.values()) == events
    assert min(storm.counts.values()) > events // 25, "every kind came often"
