"""The burn-rate tiers of the SRE workbook, chapter 5, as Sloth has them."""

# By kind: long window, short window and factor of each tier.
TIERS = {"page": [("1h", "5m", 14.4), ("6h", "30m", 6)], "ticket": [("1d", "2h", 3), ("3d", "6h", 1)]}
