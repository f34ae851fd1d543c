"""Where a bot is killed: the crash points of the protocol, each with its stories.

C01 to C40 name moments between a tap and the end of what it started. A plot says how
one of them is met exactly: a write of the bot (seen inside its process), or a request
that a venue has just taken while its reply is held back (seen from outside).
"""

from __future__ import annotations

from typing import Final

from tests.campaigns.kill_words import (
    Again,
    By,
    Chance,
    During,
    Plot,
    Seen,
    held,
    late,
    lost,
    refused,
    thin,
)
from tests.journeys.crashing import AFTER, BEFORE, DURING, HALF, INSIDE, SENT, Moment

POINTS: Final = {
    "C01": "tap received, before the claim",
    "C02": "inside the claim's commit",
    "C03": "claimed, before the answer to the tap",
    "C04": "in the checks, also after leverage was set",
    "C05": "checks passed, before leg 1's commit",
    "C06": "leg 1 committed",
    "C07": "leg 1, before the first byte",
    "C08": "leg 1, request half written",
    "C09": "leg 1, in the network or the venue's queue",
    "C10": "leg 1 accepted, reply unread",
    "C11": "leg 1 answered, not recorded",
    "C12": "inside the record's commit",
    "C13": "leg 1 recorded, no leg-2 order",
    "C14": "leg 2 committed",
    "C15": "leg 2, request half written",
    "C16": "leg 2, in the network",
    "C17": "leg 2 accepted, reply unread",
    "C18": "leg 2 recorded",
    "C19": "level, before the commit of open",
    "C20": "open committed, message not sent",
    "C21": "message sent, not marked",
    "C22": "top-up committed",
    "C23": "top-up in flight",
    "C24": "top-up recorded",
    "C25": "trim or unwind committed",
    "C26": "trim or unwind in flight",
    "C27": "trim or unwind accepted",
    "C28": "trim or unwind recorded",
    "C29": "close claimed, no order",
    "C30": "close leg 1 committed",
    "C31": "close leg 1 in flight or accepted",
    "C32": "close leg 1 recorded",
    "C33": "close leg 2 in flight",
    "C34": "close leg 2 recorded",
    "C35": "inside the check at start",
    "C36": "inside a repair in the background",
    "C37": "SIGTERM anywhere",
    "C38": "checkpoint, backup, migration",
    "C39": "funding read, before booking",
    "C40": "inside a pause, setting or mute",
}
ANY_MOMENT: Final = "any"
"""Stands for a crash point where the moment is left to chance."""

ENTRY, REDUCE = "@entry", "@reduce"
SHORT_LEG2 = thin(ENTRY, "0.5", 1)
"""Half of leg 2 is filled, so that a top-up follows."""
NO_TOPUP = (SHORT_LEG2, refused(ENTRY, 1))
"""... and is refused, so that leg 1 is trimmed."""
NO_LEG2 = (refused(ENTRY, 1),)
"""Leg 2 is refused, so that leg 1 is unwound."""
FOUND = Again(Moment("answer of entry 1", AFTER))


def commits(write: str, ends: str) -> tuple[tuple[Moment, str], ...]:
    """Return kills inside a transaction and at odd moments of its commit."""
    delays = (20, 120, 350)
    return (
        (Moment(write, INSIDE), ends),
        *((Moment(write, DURING, delay_us=delay), ends) for delay in delays),
    )


def _entry() -> tuple[Plot, ...]:
    return (
        Plot("C01", Moment("claim, now confirmed", BEFORE), "none"),
        Plot("C01", Moment("claim, now confirmed", BEFORE), "none", is_paper=True),
        *(
            Plot("C02", moment, ends)
            for moment, ends in commits("claim, now confirmed", "none aborted")
        ),
        Plot("C03", Moment("claim, now confirmed", AFTER), "aborted"),
        Plot("C04", Moment("preflight", AFTER), "aborted"),
        Plot("C04", Seen("@leverage"), "aborted", (held("@leverage"),)),
        Plot("C04", Seen("@leverage", 2), "aborted", (held("@leverage", 1),)),
        Plot("C05", Moment("leg1 + entry 1", BEFORE), "aborted"),
        Plot("C05", Moment("leg1 + entry 1", INSIDE), "aborted"),
        Plot("C06", Moment("leg1 + entry 1", AFTER), "aborted"),
        Plot("C07", Moment("request of entry 1", BEFORE), "aborted"),
        Plot("C08", Moment("request of entry 1", HALF), "aborted"),
        Plot("C09", Moment("request of entry 1", SENT), "aborted open"),
        Plot("C09", Seen(ENTRY), "aborted", (lost(ENTRY),)),
        Plot("C09", Seen(ENTRY), "open", (late(ENTRY),)),
        # a minute late: expired, but Lighter takes it and leg 2 may be too late then
        Plot("C09", Seen(ENTRY), "aborted open", (late(ENTRY, after_s=60),)),
        Plot("C10", Seen(ENTRY), "open", (held(ENTRY),)),
        Plot("C10", Seen(ENTRY), "open", (held(ENTRY),), is_program=True),
        Plot("C10", Seen(ENTRY), "open", (thin(ENTRY, "0.5", is_held=True),)),
        Plot("C10", Seen(ENTRY), "aborted", (thin(ENTRY, "0", is_held=True),)),
        Plot("C11", Moment("answer of entry 1", BEFORE), "open"),
        *(
            Plot("C12", moment, ends)
            for moment, ends in commits("answer of entry 1", "open")
        ),
        Plot("C13", Moment("answer of entry 1", AFTER), "open"),
        Plot("C13", Moment("leg2 + entry 2", BEFORE), "open"),
        Plot("C13", Moment("leg2 + entry 2", INSIDE), "open"),
    )


def _second_leg() -> tuple[Plot, ...]:
    short = (SHORT_LEG2,)
    return (
        Plot("C14", Moment("leg2 + entry 2", AFTER), "aborted"),
        Plot("C14", Moment("request of entry 2", BEFORE), "aborted"),
        Plot("C15", Moment("request of entry 2", HALF), "aborted"),
        Plot("C16", Moment("request of entry 2", SENT), "aborted open"),
        Plot("C16", Seen(ENTRY, 2), "aborted", (lost(ENTRY, 1),)),
        Plot("C16", Seen(ENTRY, 2), "open", (late(ENTRY, 1),)),
        Plot("C17", Seen(ENTRY, 2), "open", (held(ENTRY, 1),)),
        Plot("C17", Seen(ENTRY, 2), "open", (held(ENTRY, 1),), is_program=True),
        Plot("C17", Seen(ENTRY, 2), "open", (thin(ENTRY, "0.5", 1, is_held=True),)),
        Plot(
            "C17", Seen(ENTRY, 2), "open aborted", (thin(ENTRY, "0", 1, is_held=True),)
        ),
        Plot("C17", Moment("answer of entry 2", BEFORE), "open"),
        Plot("C18", Moment("answer of entry 2", INSIDE), "open"),
        Plot("C18", Moment("answer of entry 2", AFTER), "open"),
        Plot("C18", Moment("balance", AFTER), "open"),
        Plot("C18", Moment("answer of entry 2", AFTER), "aborted", NO_LEG2),
        Plot("C19", Moment("open", BEFORE), "open"),
        Plot("C19", Moment("open", INSIDE), "open"),
        Plot("C19", Moment("open", DURING, delay_us=200), "open"),
        Plot("C20", Moment("open", AFTER), "open"),
        Plot("C20", Moment("aborted", AFTER), "aborted", NO_LEG2),
        Plot("C21", Moment("message told", BEFORE, since="open"), "open"),
        Plot("C22", Moment("balance + topup 2", AFTER), "open", short),
        Plot("C22", Moment("request of topup 2", BEFORE), "open", short),
        Plot("C23", Moment("request of topup 2", HALF), "open", short),
        Plot("C23", Moment("request of topup 2", SENT), "open", short),
        Plot("C23", Seen(ENTRY, 3), "open", (SHORT_LEG2, held(ENTRY, 1))),
        Plot("C23", Seen(ENTRY, 3), "open", (SHORT_LEG2, lost(ENTRY, 1))),
        Plot("C24", Moment("answer of topup 2", BEFORE), "open", short),
        Plot("C24", Moment("answer of topup 2", AFTER), "open", short),
    )


def _reducing() -> tuple[Plot, ...]:
    return (
        Plot("C25", Moment("unwind + unwind 1", AFTER), "aborted", NO_LEG2),
        Plot("C25", Moment("balance + trim 1", AFTER), "open", NO_TOPUP),
        Plot("C26", Moment("request of unwind 1", HALF), "aborted", NO_LEG2),
        Plot("C26", Seen(REDUCE), "aborted", (*NO_LEG2, lost(REDUCE))),
        Plot("C26", Seen(REDUCE), "aborted", (*NO_LEG2, late(REDUCE))),
        Plot("C26", Seen(REDUCE), "open", (*NO_TOPUP, lost(REDUCE))),
        Plot("C27", Seen(REDUCE), "aborted", (*NO_LEG2, held(REDUCE))),
        Plot(
            "C27",
            Seen(REDUCE),
            "aborted",
            (*NO_LEG2, thin(REDUCE, "0.5", is_held=True)),
        ),
        Plot("C27", Seen(REDUCE), "open", (*NO_TOPUP, held(REDUCE))),
        Plot("C27", Moment("answer of trim 1", BEFORE), "open", NO_TOPUP),
        Plot("C28", Moment("answer of unwind 1", AFTER), "aborted", NO_LEG2),
        Plot("C28", Moment("answer of trim 1", AFTER), "open", NO_TOPUP),
    )


def _close() -> tuple[Plot, ...]:
    plots = (
        Plot("C29", Moment("claim, now close1", AFTER), "open"),
        Plot("C29", Moment("claim, now close1", INSIDE), "open"),
        Plot("C29", Moment("close1 + close 1", BEFORE), "open"),
        Plot("C30", Moment("close1 + close 1", AFTER), "open"),
        Plot("C30", Moment("request of close 1", BEFORE), "open"),
        Plot("C31", Moment("request of close 1", HALF), "open"),
        Plot("C31", Seen(REDUCE), "open", (lost(REDUCE),)),
        Plot("C31", Seen(REDUCE), "closed", (late(REDUCE),)),
        Plot("C31", Seen(REDUCE), "closed", (held(REDUCE),)),
        Plot("C31", Seen(REDUCE), "open", (thin(REDUCE, "0.5", is_held=True),)),
        Plot("C32", Moment("answer of close 1", BEFORE), "closed"),
        Plot("C32", Moment("answer of close 1", AFTER), "closed"),
        Plot("C32", Moment("close2 + close 2", BEFORE), "closed"),
        Plot("C33", Moment("close2 + close 2", AFTER), "closed"),
        Plot("C33", Moment("request of close 2", HALF), "closed"),
        Plot("C33", Seen(REDUCE, 2), "closed", (held(REDUCE, 1),)),
        Plot("C33", Seen(REDUCE, 2), "closed", (lost(REDUCE, 1),)),
        Plot("C33", Seen(REDUCE, 2), "closed", (thin(REDUCE, "0.5", 1, is_held=True),)),
        Plot("C34", Moment("answer of close 2", BEFORE), "closed"),
        Plot("C34", Moment("answer of close 2", AFTER), "closed"),
        Plot("C34 C20", Moment("closed", AFTER), "closed"),
    )
    return tuple(_as(each, During.CLOSE) for each in plots)


def _add() -> tuple[Plot, ...]:
    """Return cuts into an addition; what was held before is there after each."""

    def cut(write: str, side: str) -> Moment:
        return Moment(write, side, since="open")

    plots = (
        Plot("C02", cut("claim, now confirmed", INSIDE), "same"),
        Plot("C03", cut("claim, now confirmed", AFTER), "same"),
        Plot("C04", cut("preflight", AFTER), "same"),
        Plot("C06", cut("leg1 + entry 1", AFTER), "same"),
        Plot("C08", cut("request of entry 1", HALF), "same"),
        Plot("C09", Seen(ENTRY), "same", (lost(ENTRY),)),
        Plot("C10", Seen(ENTRY), "grown", (held(ENTRY),)),
        Plot("C10", Seen(ENTRY), "grown", (thin(ENTRY, "0.5", is_held=True),)),
        Plot("C11", cut("answer of entry 1", BEFORE), "grown"),
        Plot("C13", cut("answer of entry 1", AFTER), "grown"),
        Plot("C14", cut("leg2 + entry 2", AFTER), "same"),
        Plot("C16", Seen(ENTRY, 2), "same", (lost(ENTRY, 1),)),
        Plot("C17", Seen(ENTRY, 2), "grown", (held(ENTRY, 1),)),
        Plot("C18", cut("answer of entry 2", AFTER), "grown"),
        Plot("C19", cut("open", BEFORE), "grown"),
        Plot("C20", cut("open", AFTER), "same", NO_LEG2),
        Plot("C25", cut("balance + trim 1", AFTER), "same", NO_LEG2),
        Plot("C26", Seen(REDUCE), "same", (*NO_LEG2, lost(REDUCE))),
        Plot("C27", Seen(REDUCE), "same", (*NO_LEG2, held(REDUCE))),
        Plot("C28", cut("answer of trim 1", AFTER), "same", NO_LEG2),
    )
    return tuple(_as(each, During.ADD) for each in plots)


def _as(plot: Plot, during: During) -> Plot:
    return Plot(plot.points, plot.cut, plot.ends, plot.spoils, during)


def _again() -> tuple[Plot, ...]:
    """Return what is killed a second time, while it comes back."""
    filled = (held(ENTRY),)
    return (
        Plot(
            "C10 C35",
            Seen(ENTRY),
            "open",
            filled,
            again=(Again(Moment("halt startup", AFTER)),),
        ),
        Plot(
            "C10 C35",
            Seen(ENTRY),
            "open",
            filled,
            again=(Again(Seen("@positions"), (held("@positions"),)),),
        ),
        Plot(
            "C10 C35 C14",
            Seen(ENTRY),
            "aborted",
            filled,
            again=(Again(Moment("leg2 + entry 2", AFTER)),),
        ),
        Plot(
            "C10 C35",
            Seen(ENTRY),
            "open",
            filled,
            again=(FOUND, Again(Moment("leg2 + entry 2", BEFORE))),
        ),
        Plot(
            "C16 C35 C25",
            Seen(ENTRY, 2),
            "aborted",
            (lost(ENTRY, 1),),
            again=(Again(Moment("unwind + unwind 1", AFTER)),),
        ),
        Plot(
            "C17 C35",
            Seen(ENTRY, 2),
            "open",
            (held(ENTRY, 1),),
            again=(Again(Moment("lift startup", BEFORE)),),
        ),
        Plot(
            "C31 C35 C33",
            Seen(REDUCE),
            "closed",
            (held(REDUCE),),
            During.CLOSE,
            again=(Again(Seen(REDUCE), (held(REDUCE),)),),
        ),
        Plot(
            "C06 C35",
            Moment("leg1 + entry 1", AFTER),
            "aborted",
            again=(Again(Moment("aborted", INSIDE)),),
        ),
    )


def _others() -> tuple[Plot, ...]:
    loss, funding, words = During.LOSS, During.FUNDING, During.WORDS
    alerts = "/alerts 0.5"
    return (
        Plot("C36", Moment("rebalance", AFTER), "closed", during=loss),
        Plot("C36", Moment("rebalance", INSIDE), "open", during=loss, share="0.5"),
        Plot("C36", Seen(REDUCE), "closed", (held(REDUCE),), loss),
        Plot("C36", Seen(REDUCE), "open", (lost(REDUCE),), loss, share="0.5"),
        Plot("C36", Moment("closed", BEFORE), "closed", during=loss),
        Plot("C37", Seen("@leverage"), "aborted", (held("@leverage"),), by=By.TERM),
        Plot("C37", Seen(ENTRY), "open aborted", (held(ENTRY),), by=By.TERM),
        Plot("C37", Seen(ENTRY), "aborted", (lost(ENTRY),), by=By.TERM),
        Plot("C37", Seen(ENTRY, 2), "open", (held(ENTRY, 1),), by=By.TERM),
        Plot("C37", Seen(ENTRY, 2), "open", (held(ENTRY, 1),), by=By.TERM_KILL),
        Plot(
            "C37", Seen(REDUCE), "closed open", (held(REDUCE),), During.CLOSE, By.TERM
        ),
        Plot(
            "C37", Seen(REDUCE, 2), "closed", (held(REDUCE, 1),), During.CLOSE, By.TERM
        ),
        Plot("C37", Chance(0.3), "open aborted none", by=By.TERM),
        *(
            Plot("C38", Moment("migration", BEFORE, at), "none", during=During.START)
            for at in (2, 12, 25)
        ),
        *(
            Plot(
                "C38",
                Moment("migration", BEFORE, at),
                "none",
                during=During.START,
                layout=1,
            )
            for at in (1, 3)
        ),
        *(
            Plot("C38", Moment(write, DURING, delay_us=delay), "open", checkpoints=True)
            for write, delay in (("answer of entry 1", 400), ("balance", 900))
        ),
        *(
            Plot("C38", moment, "open", during=During.BACKUP)
            for moment in (
                Moment("backup_copy", BEFORE),
                Moment("backup_copy", DURING, delay_us=200),
                Moment("backup_copy", DURING, delay_us=2000),
                Moment("backup_copy", AFTER),
                Moment("backup_fold", AFTER),
                Moment("backup_publish", AFTER),
            )
        ),
        *(
            Plot("C38", moment, "open", is_copied=True)
            for moment in (
                Moment("answer of entry 1", AFTER),
                Moment("leg2 + entry 2", INSIDE),
                Moment("answer of entry 2", DURING, delay_us=300),
            )
        ),
        Plot("C39", Moment("payments", BEFORE), "open", during=funding),
        Plot("C39", Moment("payments", INSIDE), "open", during=funding),
        Plot("C39", Moment("payments", AFTER), "open", during=funding),
        *(
            Plot("C40", moment, "none", during=words, words=typed)
            for write, typed in (
                ("halt pause", "/pause"),
                ("choice", alerts),
                ("choice", "/alerts mute SOL"),
            )
            for moment in (
                Moment(write, INSIDE),
                Moment(write, DURING, delay_us=150),
                Moment(write, AFTER),
            )
        ),
        Plot("C11", Moment("answer of entry 1", BEFORE), "open", is_paper=True),
        Plot("C18", Moment("answer of entry 2", AFTER), "open", is_paper=True),
        Plot("C14", Moment("leg2 + entry 2", AFTER), "aborted", is_paper=True),
        Plot(
            "C32",
            Moment("answer of close 1", AFTER),
            "closed",
            during=During.CLOSE,
            is_paper=True,
        ),
    )


PLOTS: Final = (
    *_entry(),
    *_second_leg(),
    *_reducing(),
    *_close(),
    *_add(),
    *_again(),
    *_others(),
)
