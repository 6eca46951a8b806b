"""The only web framework: requests become calls, replies become responses."""
