"""What the pretend Telegram remembers: people, chats, messages, queries, calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.telegram.entities import to_html

if TYPE_CHECKING:
    from sandbox.telegram.entities import Entity
    from sandbox.telegram.markup import Button, Rows

Json = dict[str, Any]
BOT_ID = 1000001
OWNER, VIEWER, STRANGER = "owner", "viewer", "stranger"


@dataclass(slots=True)
class Person:
    """A Telegram user; the role is only what the chat page writes beside the name."""

    id: int
    name: str
    role: str = STRANGER
    is_blocking: bool = False
    is_deactivated: bool = False

    def to_wire(self) -> Json:
        """Return the user as the Bot API writes it."""
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.name,
            "username": f"{self.name.lower()}_{self.id}",
            "language_code": "en",
        }


@dataclass(slots=True)
class ChatMessage:
    """One message as it stands now; moments are Unix seconds."""

    id: int
    chat_id: int
    from_id: int
    date: int
    text: str
    entities: list[Entity] = field(default_factory=list)
    rows: Rows = field(default_factory=list)
    edited_at: int | None = None
    protected: bool = False
    silent: bool = False
    deleted: bool = False
    pinned: bool = False
    asks_reply: bool = False
    reply_to: int | None = None
    forward_origin: Json | None = None
    attachment: Json | None = None

    @property
    def html(self) -> str:
        """Return text and formatting in one canonical spelling."""
        return to_html(self.text, self.entities)

    @property
    def is_from_bot(self) -> bool:
        """Tell who wrote it."""
        return self.from_id == BOT_ID

    @property
    def buttons(self) -> list[Button]:
        """Return all buttons, row after row."""
        return [button for row in self.rows for button in row]

    @property
    def labels(self) -> list[list[str]]:
        """Return what the buttons say, in rows."""
        return [[button.label for button in row] for row in self.rows]

    def button(self, label: str) -> Button:
        """Return the button that says this, or else the only one that contains it.

        Raises:
            LookupError: None or several; the words tell what is there.
        """
        exact = [one for one in self.buttons if one.label == label]
        found = exact or [one for one in self.buttons if label in one.label]
        if len(found) != 1:
            words = f"{len(found)} buttons say {label!r}; message has {self.labels}"
            raise LookupError(words)
        return found[0]

    @property
    def rendered(self) -> str:
        """Return text and keyboard as plain lines, for snapshots."""
        rows = ["".join(f"[{label}]" for label in row) for row in self.labels]
        return "\n".join([self.text, *rows])


@dataclass(slots=True)
class Chat:
    """A private chat (its id is the user's) or a group."""

    id: int
    title: str | None = None
    members: set[int] = field(default_factory=set)
    is_started: bool = False
    has_left: bool = False
    migrated_to: int | None = None
    messages: dict[int, ChatMessage] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        """Tell a private chat from a group."""
        return self.id > 0


@dataclass(slots=True)
class Answer:
    """What the bot answered to a tap."""

    text: str = ""
    alert: bool = False
    url: str | None = None


@dataclass(slots=True)
class Query:
    """One tap on a button; `tapped_at` is in real monotonic seconds."""

    id: str
    user_id: int
    data: str
    tapped_at: float
    expects_answer: bool = True
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a Bot API method, for the record."""

    method: str
    params: Json
    status: int
    result: Any = None
    error: str | None = None
    fault: str | None = None
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Render:
    """What a message or toast looked like at one moment."""

    chat_id: int
    message_id: int
    text: str
    entities: list[Entity] = field(default_factory=list)
    rows: Rows = field(default_factory=list)
