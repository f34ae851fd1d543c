-- The bot's own record of one mode: confirm cards, trades, orders, messages.
-- Decimals are TEXT, moments are Unix milliseconds in `_ms` columns, objects are JSON.

-- One row: who this installation is. `epoch` rises when a backup is put back.
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    install_id TEXT NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE plan (
    nonce_hash TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER,
    action TEXT NOT NULL CHECK (action IN ('open', 'close')),
    body TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    quoted_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('draft', 'issued', 'used', 'expired', 'cancelled', 'void')
    ),
    trade_id TEXT REFERENCES trade (trade_id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX plan_waiting ON plan (state) WHERE state IN ('draft', 'issued');

CREATE TABLE trade (
    trade_id TEXT PRIMARY KEY,
    plan_id TEXT NOT NULL UNIQUE REFERENCES plan (plan_id),
    base TEXT NOT NULL,
    legs TEXT NOT NULL,
    quantity_base TEXT NOT NULL,
    leverage TEXT NOT NULL,
    spread_per_hour TEXT NOT NULL,
    bounds TEXT NOT NULL,
    opened_by INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    message_id INTEGER,
    created_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    needs_attention INTEGER NOT NULL CHECK (needs_attention IN (0, 1)),
    attention TEXT,
    leg1_filled_at_ms INTEGER,
    opened_at_ms INTEGER,
    closed_at_ms INTEGER,
    close_plan_id TEXT REFERENCES plan (plan_id),
    close_target_base TEXT,
    close_rounds INTEGER NOT NULL CHECK (close_rounds >= 0),
    steps INTEGER NOT NULL CHECK (steps >= 0),
    series_at_ms INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX trade_in_progress ON trade (created_at_ms)
WHERE state NOT IN ('closed', 'aborted');

CREATE TABLE intent (
    intent_id TEXT PRIMARY KEY,
    trade_id TEXT NOT NULL REFERENCES trade (trade_id),
    leg INTEGER NOT NULL CHECK (leg IN (1, 2)),
    purpose TEXT NOT NULL,
    seq INTEGER NOT NULL,
    venue_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity_base TEXT NOT NULL,
    limit_price TEXT NOT NULL,
    is_reduce_only INTEGER NOT NULL CHECK (is_reduce_only IN (0, 1)),
    client_order_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    send_by_ms INTEGER NOT NULL,
    fence_at_ms INTEGER NOT NULL,
    baseline_base TEXT,
    state TEXT NOT NULL CHECK (
        state IN ('prepared', 'unknown', 'filled', 'partial', 'none')
    ),
    filled_base TEXT,
    average_price TEXT,
    fee_usd TEXT,
    venue_order_id TEXT,
    evidence TEXT,
    refusal TEXT,
    refusal_code TEXT,
    UNIQUE (trade_id, leg, purpose, seq),
    UNIQUE (venue_id, client_order_id)
) STRICT;
CREATE INDEX intent_unresolved ON intent (state)
WHERE state IN ('prepared', 'unknown');

-- A venue's trade id counts per symbol on some venues, so the symbol is in the key.
CREATE TABLE fill (
    venue_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    venue_trade_id TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity_base TEXT NOT NULL,
    price TEXT NOT NULL,
    fee_usd TEXT,
    at_ms INTEGER NOT NULL,
    client_order_id TEXT,
    intent_id TEXT REFERENCES intent (intent_id),
    trade_id TEXT REFERENCES trade (trade_id),
    PRIMARY KEY (venue_id, symbol, venue_trade_id)
) STRICT;
CREATE INDEX fill_of_trade ON fill (trade_id, at_ms);

CREATE TABLE payment (
    venue_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    pay_at_ms INTEGER NOT NULL,
    amount_usd TEXT NOT NULL,
    per_payment TEXT NOT NULL,
    quantity_base TEXT NOT NULL,
    price TEXT,
    is_estimated INTEGER NOT NULL CHECK (is_estimated IN (0, 1)),
    trade_id TEXT REFERENCES trade (trade_id),
    PRIMARY KEY (venue_id, symbol, pay_at_ms)
) STRICT;
CREATE INDEX payment_of_trade ON payment (trade_id, pay_at_ms);

-- The audit trail: written, never changed, never read to decide anything.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TRIGGER event_is_not_changed BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER event_is_not_deleted BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TABLE halt (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'reducing', 'halted')),
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    by_user_id INTEGER,
    PRIMARY KEY (scope, key)
) STRICT;

CREATE TABLE cooldown (
    base TEXT NOT NULL,
    first_venue_id TEXT NOT NULL,
    second_venue_id TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    level INTEGER NOT NULL,
    PRIMARY KEY (base, first_venue_id, second_venue_id),
    CHECK (first_venue_id < second_venue_id)
) STRICT;

CREATE TABLE outbox (
    item_id INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    dedupe_key TEXT NOT NULL,
    level TEXT NOT NULL,
    alert TEXT NOT NULL,
    edits_message_id INTEGER,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'dropped')),
    attempts INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    message_id INTEGER,
    error TEXT,
    UNIQUE (chat_id, dedupe_key)
) STRICT;
CREATE INDEX outbox_pending ON outbox (item_id) WHERE state = 'pending';

CREATE TABLE parked_chat (
    chat_id INTEGER PRIMARY KEY,
    until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE card (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    card_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    chat_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    message_id INTEGER,
    shown TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX card_of_message ON card (chat_id, message_id, seq);
CREATE INDEX card_of_kind ON card (chat_id, kind, seq);
CREATE INDEX card_by_age ON card (created_at_ms);

CREATE TABLE preference (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    body TEXT NOT NULL
) STRICT;

CREATE TABLE fact (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE alert_memory (
    key TEXT PRIMARY KEY,
    facts TEXT NOT NULL
) STRICT;

CREATE TABLE availability (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    built_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
