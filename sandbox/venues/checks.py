"""Which rule an order breaks: account and wish in, nothing or a refusal out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sandbox.venues.accounts import OPEN, ZERO
from sandbox.venues.listings import LIVE
from sandbox.venues.rules import RULES, least_notional, least_quantity, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.venues.accounts import Account
    from sandbox.venues.listings import Instrument
    from sandbox.venues.statement import Statement
    from sandbox.venues.wishes import Wish

REDUCE_ONLY: Final = "REDUCE_ONLY"
"""Extended's word for a market where positions may only be closed."""
_HYPERLIQUID_DECIMALS: Final = 6


def check(now: Statement, one: Instrument, wish: Wish, *, unique_ids: str) -> None:
    """Let an order pass, or refuse it by the first rule it breaks.

    Args:
        now: the account as the venue knows it.
        one: the market.
        wish: the order.
        unique_ids: which client ids may not come again; see `rules.Rules`.

    Raises:
        Refusal: with the word of the rule.
    """
    account = now.account
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("closed", lambda: not _is_open(one, wish)),
        ("lot", lambda: not _fits(wish.quantity, one.size_decimals)),
        ("tick", lambda: not _fits_tick(one, wish.price)),
        ("min_size", lambda: wish.quantity < least_quantity(one)),
        ("duplicate", lambda: _is_repeated(account, wish.client_id, unique_ids)),
        ("reduce_only", lambda: wish.is_reduce_only and not _closable(account, wish)),
        ("too_large", lambda: _reduces_too_much(account, one, wish)),
        ("min_notional", lambda: _is_too_small(now, one, wish)),
        ("price_band", lambda: _is_beyond_band(now, one, wish)),
        ("margin", lambda: _lacks_margin(now, one, wish)),
    )
    for why, is_broken in checks:
        if is_broken():
            refuse(why)


def _is_open(one: Instrument, wish: Wish) -> bool:
    return one.status == LIVE or (one.status == REDUCE_ONLY and wish.is_reduce_only)


def _fits(number: Decimal, decimals: int) -> bool:
    return number == round(number, decimals)


def _fits_tick(one: Instrument, price: Decimal | None) -> bool:
    if price is None:
        return True
    if price <= 0:
        return False
    decimals = one.price_decimals
    if one.venue == "hyperliquid":
        # Five significant digits and at most six decimals less those of the size.
        digits = max(0, 4 - price.adjusted())
        decimals = min(digits, _HYPERLIQUID_DECIMALS - one.size_decimals)
    return _fits(price, decimals)


def _is_repeated(account: Account, client_id: str, unique_ids: str) -> bool:
    if not client_id or unique_ids == "never":
        return False
    return any(
        one.client_id == client_id and (unique_ids == "always" or one.state == OPEN)
        for one in account.orders
    )


def _closable(account: Account, wish: Wish) -> Decimal:
    """Return how much a reduce-only order may close."""
    held = account.holding(wish.symbol_raw).quantity
    return abs(held) if held * wish.side < 0 else ZERO


def _reduces_too_much(account: Account, one: Instrument, wish: Wish) -> bool:
    return (
        wish.is_reduce_only
        and not RULES[one.venue].clamps_reduce_only
        and wish.quantity > _closable(account, wish)
    )


def _is_too_small(now: Statement, one: Instrument, wish: Wish) -> bool:
    closes_all = wish.is_reduce_only and wish.quantity >= _closable(now.account, wish)
    if closes_all or (wish.is_reduce_only and RULES[one.venue].exempts_reduce_only):
        return False
    price = wish.price or now.mark(one)
    return wish.quantity * price < least_notional(one)


def _is_beyond_band(now: Statement, one: Instrument, wish: Wish) -> bool:
    if wish.price is None:
        return False
    beyond = (wish.price / now.mark(one) - 1) * wish.side
    return beyond > RULES[one.venue].price_band


def _lacks_margin(now: Statement, one: Instrument, wish: Wish) -> bool:
    closing = min(wish.quantity, _closable(now.account, wish))
    adding = ZERO if wish.is_reduce_only else wish.quantity - closing
    if not adding:
        return False
    price = wish.price if wish.price and wish.side > 0 else now.mark(one)
    per_unit = Decimal(1) / now.leverage_of(one) + RULES[one.venue].taker_fee
    return adding * price * per_unit > now.free()
