"""What was asked, and what of a resource can be found: pure, without any storage.

https://hl7.org/fhir/R4/search.html

    parameters   which search parameters a type has
    extract      resource → Index (its rows)
    parse        query string → Query (a tree, `query`)
    match        Criterion × Index → bool; storage reads the same two
"""
