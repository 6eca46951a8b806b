"""Where it lies: the only SQL. Nothing reaches the resource tables but through the caller's visible
rows (`rows`).
"""
