"""Speak to venues; the only place that knows their client library."""
