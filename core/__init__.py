"""The engine: sees rates, judges spreads, decides with a person, acts, and holds pairs.

The folder listing is the flow: venues, rates and availability see; opportunities,
liquidity and economics judge; planning decides; execution, orders and reconcile act;
positions and alerts hold. Nothing in here knows Telegram or SQL.
"""
