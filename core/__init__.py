"""The engine: scans venues, ranks, plans, trades and keeps positions right."""
