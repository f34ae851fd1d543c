"""Compare shown rates with settled ones; what is off by a unit is not traded.

A rate in the wrong unit looks like the best opportunity of the day. So what every venue
shows is held against what it really settled, each in its own unit: at start, in every
scan, and after each payment for a rotating sample within a number of requests per hour.
"""

from core.proofs.keeper import Proofs

__all__ = ["Proofs"]
