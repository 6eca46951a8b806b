"""Tables of who gets which answer: a line for each of the cast, a column for each thing asked."""


def lines(table: str) -> list[tuple[str, dict[str, str]]]:
    """The first line names the columns, from the 23rd place on; each other line begins with who
    asks.
    """
    first, *others = table.strip("\n").splitlines()
    names = first.split()
    found = [(line[:22].strip(), line[22:].split()) for line in others]
    assert all(len(cells) == len(names) for _, cells in found), found
    return [(who, dict(zip(names, cells))) for who, cells in found]
