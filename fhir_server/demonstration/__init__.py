"""The demonstration record: invented people, a letter, a story to try with curl; see `__main__`."""
