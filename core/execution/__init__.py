"""One trade in, driven along its arrows to rest: open, closed, or a person called.

`machine` runs the steps; `entry`, `balance` and `closing` take them; `preflight` and
`live` check the world; `sizing` and `facts` are pure; `world` writes every step down.
"""

from core.execution.machine import Execution
from core.execution.world import World

__all__ = ["Execution", "World"]
