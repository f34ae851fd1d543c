"""SQLite storage: implements the ports of the engine."""
