"""One order in, its known outcome out: write the intent, send it once, look it up.

`desk` is the only caller of `submit`; `evidence` decides what answers prove; `identity`
makes client order ids that are equal for equal intents, also after a crash.
"""

from core.orders.desk import Draft, Hooks, Orders
from core.orders.identity import Identity

__all__ = ["Draft", "Hooks", "Identity", "Orders"]
