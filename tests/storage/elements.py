"""The elements of the resources that `test_compile` makes."""

# Each element and what it is: one of FEW, a method of its Maker, a type it leads to, words; * a
# list.
ELEMENTS = {
    "DocumentReference": "text:narrative"
    " status:current/superseded masterIdentifier:identifier type:concept"
    " identifier:identifier* category:concept* subject:Patient date:time description:word"
    " securityLabel:concept* relatesTo:relation* context:context"
    " extension:archived* content:content*",
    "Patient": "text:narrative identifier:identifier* name:name* birthDate:date gender:male/female"
    " address:address*",
    "Observation": "text:narrative"
    " status:final/amended code:concept subject:Patient identifier:identifier*"
    " hasMember:Observation* effectiveDateTime:when effectivePeriod:period valueString:word"
    " valueQuantity:quantity valueCodeableConcept:concept component:component*",
    "component": "code:concept valueQuantity:quantity valueCodeableConcept:concept",
    "List": "text:narrative"
    " status:current/retired title:word code:concept subject:Patient date:when entry:entry*"
    " extension:archived*",
    "Consent": "status:active/inactive scope:concept category:concept* patient:Patient"
    " dateTime:when provision:provision",
    "ChargeItem": "code:concept subject:Patient factorOverride:number quantity:quantity"
    " priceOverride:money",
    "MolecularSequence": "referenceSeq:whole variant:variant*",
    "whole": "chromosome:concept referenceSeqId:concept",
    "variant": "start:whole_number end:whole_number",
    "ValueSet": "status:draft/active url:system title:word date:when",
    "concept": "coding:coding*",
    "coding": "system:system code:code display:word",
    "identifier": "system:system value:code",
    "name": "family:word given:word*",
    "address": "city:word line:word*",
    "context": "period:period",
    "content": "attachment:attachment",
    "attachment": "creation:when",
    "money": "value:number currency:EUR/",
    "relation": "code:replaces/appends target:DocumentReference",
    "entry": "item:DocumentReference",
    "provision": "period:period data:data*",
    "data": "reference:DocumentReference",
}
