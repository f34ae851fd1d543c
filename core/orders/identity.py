"""An order's place in its trade in, its ids out, the same after any crash."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.model.units import ClientOrderId, IntentId
from core.model.venue import ClientIdFormat

if TYPE_CHECKING:
    from core.model.intent import Purpose
    from core.model.units import TradeId


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes the order ids of this installation its own."""

    install_id: str
    epoch: int
    """Raised when a backup is restored, so that old ids are never used again."""

    @property
    def tag(self) -> bytes:
        """Return 2 bytes by which our orders are recognised."""
        return hashlib.blake2b(self.install_id.encode(), digest_size=2).digest()


@dataclass(frozen=True, slots=True)
class Slot:
    """One order's place: the only thing its ids depend on."""

    trade_id: TradeId
    leg: int
    purpose: Purpose
    seq: int

    @property
    def intent_id(self) -> IntentId:
        """Return a readable id, unique by construction."""
        return IntentId(f"{self.trade_id}.{self.leg}.{self.purpose.value}.{self.seq}")


def order_hash(identity: Identity, slot: Slot) -> bytes:
    """Return 16 bytes that are equal for equal orders and only for those."""
    parts = (
        identity.install_id,
        identity.epoch,
        slot.trade_id,
        slot.leg,
        slot.purpose.value,
        slot.seq,
    )
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def client_order_id(
    identity: Identity, slot: Slot, form: ClientIdFormat
) -> ClientOrderId:
    """Return the client order id of an order in a venue's own form.

    alphanumeric: `c`, 3 characters of tag, 22 of the hash, base 32, lower case.
    hex_128: `0x`, 2 bytes of tag, 14 of the hash.
    integer_48: 12 bits of tag above 36 bits of the hash, never 0.
    """
    tag, digest = identity.tag, order_hash(identity, slot)
    if form is ClientIdFormat.HEX_128:
        return ClientOrderId("0x" + (tag + digest[:14]).hex())
    if form is ClientIdFormat.INTEGER_48:
        low = int.from_bytes(digest, "big") & (2**36 - 1)
        high = int.from_bytes(tag, "big") >> 4
        return ClientOrderId(str((high << 36 | low) or 1))
    mark = base64.b32encode(tag).decode().lower()[:3]
    rest = base64.b32encode(digest).decode().lower()[:22]
    return ClientOrderId(f"c{mark}{rest}")
