-- Market data of the past: every scan for weeks, hourly means for months.
-- A contract as a venue listed it; a changed lot or tick makes a new row.
CREATE TABLE contract (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Which token traded where, until the lists changed.
CREATE TABLE listing (
    id INTEGER PRIMARY KEY,
    body BLOB NOT NULL
) STRICT;

-- One scan: whole if it is a key, else the differences to the row before it.
CREATE TABLE scan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    is_key INTEGER NOT NULL,
    listing_id INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX scan_key ON scan (at_ms) WHERE is_key = 1;

-- Whose rates the two tables below hold.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    venue_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    UNIQUE (venue_id, symbol)
) STRICT;

-- Mean rates of one hour, since 1970.
CREATE TABLE hour (
    hour INTEGER PRIMARY KEY,
    scans INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- One contract's settled payments, spread over their hours.
CREATE TABLE past (
    series_id INTEGER PRIMARY KEY,
    read_at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
