-- What people chose in chat: one row per key, whose it is (0 is everybody's), and by whom.
CREATE TABLE choice (
    key TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    value TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    by_user_id INTEGER NOT NULL,
    PRIMARY KEY (key, user_id)
) STRICT;
CREATE INDEX event_of_setting ON event (seq) WHERE what LIKE 'setting %';

-- The earlier form held everything in one object; who chose it is in the audit trail.
INSERT INTO choice (key, user_id, value, at_ms, by_user_id)
SELECT 'alert_spread_per_hour', 0, json_extract(body, '$[0].alert_spread_per_hour'), 0, 0
FROM preference WHERE json_extract(body, '$[0].alert_spread_per_hour') IS NOT NULL;
INSERT INTO choice (key, user_id, value, at_ms, by_user_id)
SELECT 'deliver_opportunity', 0, json_extract(body, '$[0].opportunity_delivery'), 0, 0
FROM preference WHERE json_extract(body, '$[0].opportunity_delivery') <> 'on';
INSERT INTO choice (key, user_id, value, at_ms, by_user_id)
SELECT 'size_usd', 0, json_extract(body, '$[0].size_usd'), 0, 0
FROM preference WHERE json_extract(body, '$[0].size_usd') IS NOT NULL;
INSERT INTO choice (key, user_id, value, at_ms, by_user_id)
SELECT 'mute:' || muted.key, 0, coalesce(muted.value, ''), 0, 0
FROM preference, json_each(preference.body, '$[0].muted') AS muted;
DELETE FROM preference;
