"""Let Telegram updates in: polling, the gate, and from a command or tap to its reply.

`frontend.Frontend` is what the wiring builds; the other modules are its parts.
"""
