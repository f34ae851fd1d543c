"""Say whether all is ready to trade: on demand, before live trading and during it.

`questions` ask settings, files and venues; `findings` are the lines a person reads;
`guard` keeps entries off an account that is not in order.
"""
