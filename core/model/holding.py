"""Hold one symbol's quantity, what it cost and what it earned, by average cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.model.units import OrderSide

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Holding:
    """What a row of executions left behind."""

    quantity_base: Decimal = _ZERO
    """Signed: positive is long."""
    cost_usd: Decimal = _ZERO
    """Signed quantity times its entry prices; a short has a negative cost."""
    realised_usd: Decimal = _ZERO
    """Price result of what was sold again, before fees."""

    @property
    def entry_price(self) -> Decimal | None:
        """Return the average entry price per base unit, None when flat."""
        return self.cost_usd / self.quantity_base if self.quantity_base else None

    def open_result(self, price: Decimal) -> Decimal:
        """Return what closing everything at a price would add, before fees."""
        return self.quantity_base * price - self.cost_usd

    def after(self, side: OrderSide, quantity_base: Decimal, price: Decimal) -> Holding:
        """Return the holding after one execution.

        Reducing releases cost in proportion; going to zero releases all of it, so the
        results of a whole round trip add up without rounding.
        """
        signed = side.sign * quantity_base
        if self.quantity_base * signed >= 0:
            cost = self.cost_usd + signed * price
            return Holding(self.quantity_base + signed, cost, self.realised_usd)
        if abs(signed) > abs(self.quantity_base):
            flat = self.after(side, abs(self.quantity_base), price)
            return flat.after(side, abs(signed) - abs(self.quantity_base), price)
        return self._reduced(signed, price)

    def _reduced(self, signed: Decimal, price: Decimal) -> Holding:
        left = self.quantity_base + signed
        released = self.cost_usd
        if left:
            released = self.cost_usd * -signed / self.quantity_base
        realised = self.realised_usd + (-signed * price - released)
        return Holding(left, self.cost_usd - released, realised)
