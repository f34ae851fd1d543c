-- What each payment would bring by the rate shown shortly before it.
CREATE TABLE expected_payment (
    venue_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    pay_at_ms INTEGER NOT NULL,
    per_payment TEXT NOT NULL,
    amount_usd TEXT NOT NULL,
    noted_at_ms INTEGER NOT NULL,
    trade_id TEXT NOT NULL REFERENCES trade (trade_id),
    PRIMARY KEY (venue_id, symbol, pay_at_ms)
) STRICT;
CREATE INDEX expected_payment_of_trade ON expected_payment (trade_id, pay_at_ms);

-- A venue's wallet beside our books, now and then while nothing moves.
CREATE TABLE wallet_mark (
    venue_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    wallet_usd TEXT NOT NULL,
    booked_usd TEXT NOT NULL,
    PRIMARY KEY (venue_id, at_ms)
) STRICT;

CREATE INDEX trade_by_end ON trade (closed_at_ms);
