"""Documents that lack a part: refused, or made into something valid; never another error."""

from collections.abc import Iterator

from lxml import etree

from mappings.cda.documentreference import documentreference
from mappings.cda.header import CdaError
from profiles.validate import validate
from tests.documents import cda, header_of


def spoiled() -> Iterator[bytes]:
    """A document over and over, each time without one of its elements, or with it null."""
    places = len(list(etree.fromstring(cda(replaces="1.2.3")).iter()))
    for place in range(1, places):
        for null in (False, True):
            root = etree.fromstring(cda(replaces="1.2.3"))
            element = list(root.iter())[place]
            parent = element.getparent()
            assert parent is not None
            if null:
                element.set("nullFlavor", "UNK")
            else:
                parent.remove(element)
            yield etree.tostring(root)


def test_whatever_part_is_missing_the_result_is_valid_or_the_document_refused() -> None:
    refused = 0
    for data in spoiled():
        try:
            header = header_of(data)
        except CdaError:
            refused += 1
            continue
        document = documentreference(header, data=data, patient="Patient/1", url=None)
        assert validate(document) == []
    assert 10 < refused < 50
