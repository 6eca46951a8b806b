"""XML Patch: https://www.rfc-editor.org/rfc/rfc5261, https://hl7.org/fhir/R4/http.html#patch"""

from typing import Any

import pytest

from fhir_server.fhir import json_format
from fhir_server.fhir.xml_patch import xml_patch
from profiles.validate import validate
from tests.fhir.xml_patches import DIV, PATIENT, done, refused, replace, values


def test_no_operation_changes_nothing() -> None:
    assert done("") == PATIENT


# replace


@pytest.mark.parametrize(
    "selector",
    [
        "f:Patient/f:gender/@value",
        "/f:Patient/f:gender/@value",
        "Patient/gender/@value",
        "*/gender/@value",
        " / Patient [ 1 ] / gender / @value ",
    ],
)
def test_an_attribute_is_replaced_by_a_text(selector: str) -> None:
    assert done(replace(selector, "female"))["gender"] == "female"


def test_an_element_is_replaced_by_an_element() -> None:
    made = done(replace("Patient/name", '<f:name><f:text value="T"/></f:name>'))
    assert made["name"] == [{"text": "T"}]


@pytest.mark.parametrize(
    "root",
    [
        "diff",
        "patch",
        'diff xmlns="http://hl7.org/fhir"',
        'patch xmlns="urn:ietf:rfc:7351"',
        'p:patch xmlns:p="urn:ietf:rfc:7351"',
    ],
)
def test_a_patch_may_stand_in_the_namespaces_of_the_rfcs_or_none(root: str) -> None:
    prefix = "p:" if root.startswith("p:") else ""
    change = f'<{prefix}replace sel="Patient/gender"><gender value="other"/></{prefix}replace>'
    assert done(change, root=root)["gender"] == "other"


def test_a_declared_prefix_means_its_namespace() -> None:
    patch = '<replace xmlns:x="http://hl7.org/fhir" sel="x:Patient/x:gender/@value">other</replace>'
    assert done(patch)["gender"] == "other"


@pytest.mark.parametrize("other", ["http://hl7.org/fhir/", "urn:x"])
def test_a_prefix_of_another_namespace_selects_nothing(other: str) -> None:
    patch = f'<replace xmlns:x="{other}" sel="x:Patient/x:gender/@value">other</replace>'
    assert refused(patch).status == 422


# select


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("Patient/identifier[2]", "ac"),
        ("Patient/identifier[last()]", "ab"),
        ("Patient/identifier[position()=1]", "bc"),
        ("Patient/identifier[value/@value='b']", "ac"),
        ('Patient/identifier[value/@value="b"]', "ac"),
        ("Patient/identifier[f:value/@value = 'b' and f:system/@value='urn:b']", "ac"),
        ("Patient/identifier[value/@value='b'][1]", "ac"),
        ("Patient/identifier[system][3]", "ab"),
        ("Patient/*[4]", "bc"),
    ],
)
def test_a_predicate_chooses_among_elements(selector: str, found: str) -> None:
    removal = f"<remove sel='{selector}'/>" if '"' in selector else f'<remove sel="{selector}"/>'
    assert values(done(removal)) == found


@pytest.mark.parametrize(
    "selector",
    [
        "Patient/identifier",
        "Patient/identifier[0]",
        "Patient/identifier[4]",
        "Patient/identifier[value/@value='d']",
        "Patient/identifier[value='a']",  # the text of the element, and there is none
        "Patient/nothing",
        "Patient/gender/@nothing",
        "gender",
        "Patient/gender/text()",
    ],
)
def test_a_selector_leads_to_exactly_one_node(selector: str) -> None:
    refusal = refused(f'<remove sel="{selector}"/>')
    assert refusal.status == 422 and f"`{selector}`" in refusal.text


@pytest.mark.parametrize(
    "selector",
    [
        "//gender",
        "Patient//gender",
        "Patient/descendant::gender",
        "Patient/..",
        "Patient/gender/..",
        "id('x')",
        "document('http://a.example/x')/*",
        "Patient/identifier[count(*)=1]",
        "Patient/identifier[value[1]]",
        "Patient/identifier[//x]",
        "Patient/identifier[contains(value/@value,'a')]",
        "Patient/identifier[value/@value!='a']",
        "Patient/gender | Patient/name",
        "Patient/gender/@f:value",
        "Patient/comment()",
        "Patient/@*",
        "@value/Patient",
        "Patient/gender/@value/x",
        "Patient/",
        "Patient/identifier[",
        "Patient/identifier[]",
        "Patient/gender]",
        "x:Patient",
        "/",
        ".",
        "$x",
    ],
)
def test_other_xpath_is_not_read(selector: str) -> None:
    assert refused(f'<remove sel="{selector}"/>').status == 400


# add


@pytest.mark.parametrize(
    ("position", "found"),
    [("", "abcn"), ('pos="prepend"', "nabc")],
    ids=["at the end", "prepend"],
)
def test_an_addition_to_an_element_is_at_its_end_or_begin(position: str, found: str) -> None:
    new = '<f:identifier><f:value value="n"/></f:identifier>'
    assert values(done(f'<add sel="Patient" {position}>{new}</add>')) == found


@pytest.mark.parametrize(("position", "found"), [("before", "anbc"), ("after", "abnc")])
def test_an_addition_is_before_or_after_an_element(position: str, found: str) -> None:
    new = '<f:identifier><f:value value="n"/></f:identifier>'
    made = done(f'<add sel="Patient/identifier[2]" pos="{position}">{new}</add>')
    assert values(made) == found


def test_what_is_added_goes_where_the_definition_wants_it() -> None:
    made = done('<add sel="Patient"><active value="true"/><name><text value="T"/></name></add>')
    assert made["active"] is True
    assert made["name"][1] == {"text": "T"}


def test_several_elements_are_added_in_their_order() -> None:
    new = "".join(f'<identifier><value value="{n}"/></identifier>\n  ' for n in "123")
    made = done(f'<add sel="Patient/identifier[1]" pos="after">\n  {new}</add>')
    assert values(made) == "a123bc"


def test_an_attribute_is_added() -> None:
    made = done('<add sel="Patient/name" type="@id">n</add>')
    assert made["name"][0]["id"] == "n"


def test_an_attribute_that_is_there_is_not_added_again() -> None:
    assert refused('<add sel="Patient/gender" type="@value">female</add>').status == 422


def test_an_extension_is_added_to_a_primitive() -> None:
    new = '<extension url="http://a.example"><valueCode value="x"/></extension>'
    made = done(f'<add sel="Patient/gender">{new}</add>')
    assert made["_gender"] == {"extension": [{"url": "http://a.example", "valueCode": "x"}]}


def test_a_resource_is_added_with_its_elements_in_order() -> None:
    new = '<contained><Organization><name value="x"/><id value="o"/></Organization></contained>'
    reference = '<managingOrganization><reference value="#o"/></managingOrganization>'
    made = done(f'<add sel="Patient">{new}</add><add sel="Patient">{reference}</add>')
    assert made["contained"] == [{"resourceType": "Organization", "id": "o", "name": "x"}]


# remove


def test_an_element_is_removed() -> None:
    assert "gender" not in done('<remove sel="Patient/gender" ws="both"/>')


def test_an_attribute_is_removed() -> None:
    patient = PATIENT | {"name": [{"id": "n", "family": "Essai"}]}
    assert done('<remove sel="Patient/name/@id"/>', of=patient)["name"] == [{"family": "Essai"}]


def test_operations_work_on_what_those_before_them_left() -> None:
    made = done('<remove sel="Patient/identifier[1]"/>' * 2)
    assert values(made) == "c"


# narratives and texts


def div(made: dict[str, Any]) -> str:
    return str(made["text"]["div"])


def test_a_narrative_that_is_left_alone_keeps_its_spelling() -> None:
    assert div(done(replace("Patient/gender/@value", "other"))) == DIV


def test_a_decimal_that_is_left_alone_keeps_its_spelling() -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"component":[{"code":{"text":"x"},"valueQuantity":{"value":1.50}}]}'
    )
    made = done(replace("Observation/status/@value", "amended"), of=json_format.read(text))
    assert b'"value":1.50' in json_format.write(made)


@pytest.mark.parametrize("selector", ["Patient/text/div/p/b", "f:Patient/f:text/h:div/h:p/h:b"])
def test_an_element_of_a_narrative_is_removed_and_its_surroundings_stay(selector: str) -> None:
    made = done(f'<remove xmlns:h="http://www.w3.org/1999/xhtml" sel="{selector}"/>')
    assert "one\u00a0 three</p>" in div(made)


@pytest.mark.parametrize(
    ("patch", "found"),
    [
        (replace("Patient/text/div/p/text()[1]", "1 "), "1 <b>two</b> three"),
        (replace("Patient/text/div/p/text()[2]", " 3"), "one\u00a0<b>two</b> 3"),
        (replace("Patient/text/div/p/b/text()", "2"), "<b>2</b>"),
        ('<remove sel="Patient/text/div/p/text()[2]"/>', "<b>two</b></p>"),
        ('<add sel="Patient/text/div/p"> four</add>', " three four</p>"),
        ('<add sel="Patient/text/div/p" pos="prepend">zero </add>', ">zero one"),
        ('<add sel="Patient/text/div/p/b" pos="before">half </add>', "one\u00a0half <b>"),
        ('<add sel="Patient/text/div/p/b" pos="after">,</add>', "</b>, three"),
        ('<add sel="Patient/text/div/p/text()[1]" pos="before">zero </add>', ">zero one"),
        ('<add sel="Patient/text/div/p/text()[2]" pos="after"> four</add>', " three four</p>"),
        (
            '<add sel="Patient/text/div/p/b" pos="after">, <i xmlns="http://www.w3.org/1999/xhtml">'
            "and</i> then</add>",
            "</b>, <i>and</i> then three",
        ),
        (
            '<add sel="Patient/text/div/p" pos="prepend">a <i xmlns="http://www.w3.org/1999/xhtml">'
            "b</i> c </add>",
            ">a <i>b</i> c one",
        ),
    ],
)
def test_the_text_of_a_narrative_is_patched(patch: str, found: str) -> None:
    assert found in div(done(patch))


@pytest.mark.parametrize(
    "new",
    [
        '<script xmlns="http://www.w3.org/1999/xhtml">x()</script>',
        '<p xmlns="http://www.w3.org/1999/xhtml" onclick="x()">y</p>',
        "<p>not XHTML</p>",
    ],
)
def test_a_narrative_does_not_become_unsafe(new: str) -> None:
    patch = f'<diff><add sel="Patient/text/div">{new}</add></diff>'
    made = xml_patch(PATIENT, patch.encode())
    assert any(issue.expression == "Patient.text.div" for issue in validate(made))
