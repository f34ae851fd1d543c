"""Telegram front end, and the only place where the parts are put together."""
