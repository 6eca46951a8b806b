"""Numbered migrations, forward only; `storage.migrate` runs them."""
