"""Turn a command or a tap into engine calls and a reply; no Telegram, no texts."""
