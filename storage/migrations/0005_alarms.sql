-- News that waits for the reader's morning, and critical news until somebody saw it.
ALTER TABLE outbox ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;

-- One row per condition. It repeats until it was seen or is over.
CREATE TABLE alarm (
    cause TEXT PRIMARY KEY,
    alert TEXT NOT NULL,
    began_at_ms INTEGER NOT NULL,
    repeats INTEGER NOT NULL,
    next_at_ms INTEGER NOT NULL,
    seen_by INTEGER,
    seen_name TEXT NOT NULL,
    seen_at_ms INTEGER,
    ended_at_ms INTEGER
) STRICT;
CREATE INDEX alarm_ringing ON alarm (next_at_ms) WHERE ended_at_ms IS NULL;
