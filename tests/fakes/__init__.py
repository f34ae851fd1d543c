"""One fake per port, named like it."""
