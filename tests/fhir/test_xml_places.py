"""Where something stands in XML: FHIRPath, line and column."""

import pytest
from lxml import etree

from fhir_server.fhir.xml_places import expression, find, local, places

TEXT = b"""<Bundle xmlns="http://hl7.org/fhir">
  <type value="batch"/>
  <entry/><entry>
    <resource><Observation>
      <contained><Patient>
        <name/><name><given value="a"/><given value="b"/></name></Patient></contained>
      <valueQuantity><value value="1"/></valueQuantity>
      <foo><bar/></foo>
    </Observation></resource>
  </entry>
</Bundle>"""
INNER = "Bundle.entry[1].resource"
PLACES = {
    "Bundle": "1:1",
    "Bundle.type": "2:3",
    "Bundle.entry[0]": "3:3",
    "Bundle.entry[1]": "3:11",
    f"{INNER}.contained[0].name[1].given[1]": "6:40",
    f"{INNER}.value.value": "7:22",
}


@pytest.mark.parametrize(("path", "place"), PLACES.items(), ids=PLACES.keys())
def test_an_expression_leads_to_line_and_column(path: str, place: str) -> None:
    node = find(etree.fromstring(TEXT), path)
    assert expression(node) == path
    assert places(TEXT, [node]) == {node: place}


def test_a_missing_element_is_where_its_parent_is() -> None:
    root = etree.fromstring(TEXT)
    assert find(root, "Bundle.entry[0].request.url") is find(root, "Bundle.entry[0]")
    assert find(root, "Bundle.entry[5]") is root


def test_an_unknown_element_ends_the_expression() -> None:
    bar = next(etree.fromstring(TEXT).iter("{*}bar"))
    assert expression(bar) == f"{INNER}.foo"


def test_many_elements_are_found_in_one_pass() -> None:
    root = etree.fromstring(TEXT)
    nodes = [find(root, path) for path in PLACES]
    assert list(places(TEXT, nodes).values()) == list(PLACES.values())


def test_a_name_loses_its_namespace() -> None:
    assert local("{http://hl7.org/fhir}name") == "name"
