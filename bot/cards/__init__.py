"""Domain object in, card out: the only place with words for people. All pure."""
