"""The pretend venues: one shared market, each venue's own REST dialect over it."""
