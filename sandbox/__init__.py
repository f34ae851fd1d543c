"""A pretend world on loopback: venues and Telegram in their own wire formats."""
