-- The paper venues' own books, written by the paper venues alone.
CREATE TABLE paper_row (
    venue_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (venue_id, key)
) STRICT;
