"""Frozen domain objects and their arithmetic: no clock, no network, no storage."""
