-- When a halt that the bot set itself may end, as far as that is known.
ALTER TABLE halt ADD COLUMN until_ms INTEGER;
