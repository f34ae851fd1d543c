"""Kill a trading bot at every crash point of its protocol, and see what it comes to.

    python -m tests.campaigns.kill             every plot, every point five times
    python -m tests.campaigns.kill C17 C35     the plots of these points
    python -m tests.campaigns.kill any         at moments left to chance
    SEED=7 HITS=9 KILLS=300 AT_ONCE=6 ...      as then; more; so many machines at once

Each story is a machine of its own: a sandbox with live accounts, a bot process on real
files, a cut, a restart, and an audit against the sandbox's true books and the chat. The
run fails on a silent imbalance, a double entry, a missed point, or any other surprise.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # every bot is forked with this module as its main one: it must load nothing
    from tests.campaigns.kill_run import campaign

    sys.exit(campaign(sys.argv[1:]))
