"""Order and read a Lighter account: transactions signed by the venue's native signer.

Shapes as in ccxt 4.5.90 and the venue's documentation of 2026. A reply is a receipt:
the sequencer may still refuse, so every order is looked up. A transaction lives 10
minutes whatever is asked for.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from core.model.account import KeyRights
from core.model.order import (
    Accepted,
    Balance,
    Fill,
    OrderRecord,
    Payment,
    VenuePosition,
)
from core.model.units import ClientOrderId, OrderSide
from core.venues.credentials import LighterKeys
from core.venues.dialect import (
    NUMBER,
    full_minute,
    moment_at,
    ms_of,
    needed,
    rows_at,
    text_at,
)
from core.venues.fields import MalformedError, number_at, value_at
from core.venues.lighter_fees import fee_of_fill, read_tier
from core.venues.outcomes import Refusal
from core.venues.trader import signer_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from core.model.instrument import Instrument
    from core.model.intent import OrderIntent
    from core.venues.credentials import Keys
    from core.venues.dialect import Desk, Row, WireOrder
    from core.venues.lighter_fees import Tier

_FINE: Final = frozenset({"0", "200"})
_LIMIT: Final = 0
_IOC: Final = 0
_CROSS: Final = 0
_ALL: Final = 10_000
"""A margin fraction of one, which is leverage 1."""
_PAGE: Final = 100
_MOST_PAGES: Final = 20
_PER_CENT: Final = Decimal("0.01")
_SECOND_MS: Final = 1000
_TIER_LASTS_S: Final = 3600.0


class LighterAccount:
    """One account's private interface."""

    def __init__(self, desk: Desk, keys: Keys) -> None:
        if not isinstance(keys, LighterKeys):
            raise TypeError
        self._desk = desk
        self._client: Any = desk.client
        self._account = keys.account_index
        self._slot = keys.api_key_index
        self._private_key = keys.api_private_key
        self._signer: Any = None
        self._tier: Tier | None = None
        self._tier_read_at = 0.0
        self.fee_note: str | None = None
        """What a person must know of the fee that was told last."""

    async def prepare(self) -> None:
        """Load the native signer and hand it the key.

        Raises:
            VenueError: the signer is not installed, or does not take the key.
        """
        if self._signer is None:
            self._signer = await asyncio.to_thread(self._load)

    def _load(self) -> object:
        client, path = self._client, str(signer_file())
        chain = client.options["chainId"]
        try:
            signer = client.load_lighter_library_helper(
                path,
                chain,
                self._private_key,
                self._slot,
                self._account,
                createClient=True,
            )
        except Exception:  # noqa: BLE001 - bare ones, with a text that may hold the key
            detail = "its signer does not take the key"
            raise self._desk.refused(detail) from None
        held = client.options["auths"][str(self._account)][str(self._slot)]
        held["signer"] = signer
        return signer

    def _named(self, **words: object) -> dict[str, object]:
        """Return words of a transaction with who signs it and its number."""
        return {
            **words,
            "nonce": self._client.next_nonce(),
            "api_key_index": self._slot,
            "account_index": self._account,
        }

    async def _send(self, transaction: tuple[int, str]) -> Row:
        kind, text = transaction
        answer: Row = await self._client.publicPostSendTx(
            {"tx_type": kind, "tx_info": text}
        )
        return answer

    async def _ask(self, call: Any, **words: object) -> Any:  # noqa: ANN401 - ccxt's method, any JSON
        return await call({"account_index": self._account, **words})

    def _number(self, instrument: Instrument) -> int:
        return int(self._desk.market(instrument)["id"])

    # --- orders -----------------------------------------------------------------------

    async def place(self, order: WireOrder) -> None:
        """Send a limit IOC order."""
        market = self._desk.market(order.instrument)
        words = self._named(
            market_index=int(market["id"]),
            client_order_index=int(order.client_order_id),
            base_amount=_whole(order.amount, market["info"]["size_decimals"]),
            avg_execution_price=_whole(order.price, market["info"]["price_decimals"]),
            is_ask=int(order.intent.side is OrderSide.SELL),
            order_type=_LIMIT,
            time_in_force=_IOC,
            reduce_only=int(order.intent.is_reduce_only),
            trigger_price=0,
            order_expiry=0,
        )
        await self._send(self._client.lighter_sign_create_order(self._signer, words))

    def refusal(self, body: object) -> Refusal | None:
        """Return the error in a body: a code that is not 200."""
        if not isinstance(body, dict) or body.get("code") is None:
            return None
        if str(body["code"]) in _FINE:
            return None
        return Refusal(str(body["code"]), str(body.get("message", "")))

    def receipt(self, order: WireOrder, body: object) -> Accepted | None:
        """Return the proof in a body: the transaction's hash, a receipt and no more."""
        del order
        if not isinstance(body, dict) or str(body.get("code")) not in _FINE:
            return None
        if not isinstance(body.get("tx_hash"), str) or not body["tx_hash"]:
            return None
        return Accepted(None, None, None, None, is_final=False)

    async def cancel(self, intent: OrderIntent, instrument: Instrument) -> None:
        """Cancel by our id; what is gone is accepted like any other."""
        words = self._named(
            market_index=self._number(instrument),
            order_index=int(intent.client_order_id),
        )
        await self._send(self._client.lighter_sign_cancel_order(self._signer, words))

    async def find(
        self, intent: OrderIntent, instrument: Instrument
    ) -> OrderRecord | None:
        """Look up by our id; an id nobody knows has no row."""
        answer = await self._ask(
            self._client.privateGetAccountOrders,
            client_order_indexes=intent.client_order_id,
        )
        for row in rows_at(answer, "orders"):
            if str(row.get("client_order_index")) == intent.client_order_id:
                return self._record(row, intent, instrument)
        return None

    @staticmethod
    def _record(row: Row, intent: OrderIntent, instrument: Instrument) -> OrderRecord:
        filled = number_at(row, "filled_base_amount")
        cost = number_at(row, "filled_quote_amount")
        scale = instrument.unit * instrument.multiplier
        status = text_at(row, "status")
        return OrderRecord(
            client_order_id=intent.client_order_id,
            venue_order_id=text_at(row, "order_index"),
            filled_base=None if filled is None else filled * scale,
            average_price=(
                instrument.base_price(cost / filled) if cost and filled else None
            ),
            fee_usd=None,
            is_final=status == "filled" or status.startswith("canceled"),
        )

    async def fills(self, instrument: Instrument, since: datetime) -> tuple[Fill, ...]:
        """Read executions, newest first and as far back as is asked."""
        if self._tier is None:
            await self._read_tier()
        rows = await self._pages(
            self._client.privateGetTrades,
            "trades",
            lambda row: moment_at(row, "timestamp") < since,
            market_id=self._number(instrument),
            sort_by="timestamp",
        )
        return tuple(self._fill(row, instrument) for row in rows)

    async def _pages(
        self,
        call: Callable[[dict[str, object]], Awaitable[object]],
        name: str,
        is_enough: Callable[[Row], bool],
        **words: object,
    ) -> list[Row]:
        """Read pages, newest first, until a row is old enough or none follows."""
        found: list[Row] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            answer = await self._ask(call, limit=_PAGE, **words, **more)
            rows = rows_at(answer, name)
            found += rows
            cursor = str(value_at(answer, "next_cursor") or "")
            if not cursor or not rows or is_enough(rows[-1]):
                break
        return found

    def _fill(self, row: Row, instrument: Instrument) -> Fill:
        is_ours = [
            side
            for side, name in ((OrderSide.BUY, "bid"), (OrderSide.SELL, "ask"))
            if str(row.get(f"{name}_account_id")) == str(self._account)
        ]
        if len(is_ours) != 1:
            message = "a trade names us on no side or on both"
            raise MalformedError(message)
        (side,) = is_ours
        name = "bid" if side is OrderSide.BUY else "ask"
        ours = value_at(row, f"{name}_client_id")
        scale = instrument.unit * instrument.multiplier
        return Fill(
            venue_id=self._desk.venue_id,
            venue_trade_id=text_at(row, "trade_id"),
            symbol=instrument.symbol,
            side=side,
            quantity_base=needed(row, "size") * scale,
            price=instrument.base_price(needed(row, "price")),
            fee_usd=fee_of_fill(
                row, self._tier, is_maker=row.get("is_maker_ask") is (name == "ask")
            ),
            at=moment_at(row, "timestamp"),
            client_order_id=ClientOrderId(str(ours)) if ours else None,
        )

    async def _read_tier(self) -> Tier:
        answer = await self._ask(self._client.privateGetAccountLimits)
        self._tier = read_tier(answer)
        self._tier_read_at = self._desk.clock.monotonic()
        return self._tier

    # --- account ----------------------------------------------------------------------

    async def _state(self) -> Row:
        """Read the account; without its row there is no information."""
        answer = await self._client.publicGetAccount(
            {"by": "index", "value": str(self._account)}
        )
        for row in rows_at(answer, "accounts"):
            if str(row.get("index")) == str(self._account):
                return row
        detail = "sent another account"
        raise self._desk.nonsense(detail)

    async def positions(self) -> tuple[VenuePosition, ...]:
        """Read every position that is not flat."""
        found = (
            self._position(row) for row in rows_at(await self._state(), "positions")
        )
        return tuple(each for each in found if each.quantity_base)

    def _position(self, row: Row) -> VenuePosition:
        contract = self._desk.contract(text_at(row, "symbol"))
        amount, sign = abs(needed(row, "position")), needed(row, "sign")
        if amount and abs(sign) != 1:
            message = f"sign is {sign}"
            raise MalformedError(message)
        return VenuePosition(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            quantity_base=contract.quantity(amount * sign),
            entry_price=contract.price(number_at(row, "avg_entry_price")),
            liquidation_price=contract.price(number_at(row, "liquidation_price")),
        )

    async def balance(self) -> Balance:
        """Read collateral with what positions gained, and what is free."""
        row = await self._state()
        gained = sum(
            (needed(each, "unrealized_pnl") for each in rows_at(row, "positions")),
            Decimal(0),
        )
        return Balance(
            venue_id=self._desk.venue_id,
            equity_usd=needed(row, "collateral") + gained,
            free_usd=max(needed(row, "available_balance"), Decimal(0)),
            at=self._desk.clock.now(),
            wallet_usd=needed(row, "collateral"),
        )

    async def payments(self, since: datetime) -> tuple[Payment, ...]:
        """Read funding, newest first; `change` is taken as received minus paid.

        Its sign was never confirmed by a booked payment.
        """
        rows = await self._pages(
            self._client.privateGetPositionFunding,
            "position_fundings",
            lambda row: moment_at(row, "timestamp", _SECOND_MS) <= since,
            start_timestamp=ms_of(since) // _SECOND_MS,
        )
        return tuple(self._payment(row) for row in rows)

    def _payment(self, row: Row) -> Payment:
        contract = self._desk.contract(f"{NUMBER}{text_at(row, 'market_id')}")
        amount = needed(row, "change")
        quantity = abs(contract.quantity(needed(row, "position_size"))) * _sign(row)
        rate = self._signed_rate(row, amount)
        worth = rate * quantity
        return Payment(
            venue_id=self._desk.venue_id,
            symbol=contract.symbol,
            pay_at=full_minute(moment_at(row, "timestamp", _SECOND_MS)),
            amount_usd=amount,
            per_payment=rate,
            quantity_base=quantity,
            price=abs(amount / worth) if worth else None,
        )

    @staticmethod
    def _signed_rate(row: Row, amount: Decimal) -> Decimal:
        """Return the rate as a fraction: a long that received has one below zero.

        The venue writes per cent per hour, and elsewhere a magnitude without its sign.
        """
        rate = abs(needed(row, "rate")) * _PER_CENT
        return rate if amount * _sign(row) < 0 else -rate

    async def set_leverage(self, instrument: Instrument, leverage: int) -> None:
        """Set cross margin and the leverage in one transaction."""
        words = self._named(
            market_index=self._number(instrument),
            initial_margin_fraction=-(-_ALL // leverage),
            margin_mode=_CROSS,
        )
        answer = await self._send(
            self._client.lighter_sign_update_leverage(self._signer, words)
        )
        if str(answer.get("code")) not in _FINE:
            detail = f"leverage of {instrument.native_name} was not set"
            raise self._desk.refused(detail)

    async def is_one_way(self) -> bool:
        """Tell that there is no other mode."""
        return True

    async def venue_time(self) -> None:
        """Tell nothing: no answer that needs no other host holds the venue's clock."""
        return

    async def key_rights(self) -> KeyRights:
        """Ask with the key itself; the venue names no rights of keys."""
        await self._read_tier()
        return KeyRights(can_trade=True, can_withdraw=None)

    async def taker_fee(self, instrument: Instrument) -> Decimal:
        """Return the fee of the account's tier; where it is not known, the highest."""
        age = self._desk.clock.monotonic() - self._tier_read_at
        if self._tier is None or age > _TIER_LASTS_S:
            tier = await self._read_tier()
        else:
            tier = self._tier
        listed = needed(self._desk.market(instrument)["info"], "taker_fee")
        fee, self.fee_note = tier.taker_fee(listed)
        return fee


def _whole(text: str, decimals: object) -> int:
    """Return a number in units of its last decimal place.

    Raises:
        MalformedError: it has more places.
    """
    number = Decimal(text).scaleb(int(str(decimals)))
    if number != int(number):
        message = f"{text} has more than {decimals} decimal places"
        raise MalformedError(message)
    return int(number)


def _sign(row: Row) -> int:
    side = row.get("position_side")
    if side not in {"long", "short"}:
        message = f"position_side is {side!r}"
        raise MalformedError(message)
    return 1 if side == "long" else -1
