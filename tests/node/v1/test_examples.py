from datetime import UTC, datetime

import msgspec
import pytest

from node.v1.examples import BODIES, PARAMETERS
from node.v1.openapi import path_of
from node.v1.surface import OPERATIONS
from registry.code.pattern import Pattern
from registry.enterprise.subject import Subject, check
from registry.identifier import Identifier
from registry.record.value import normalise

WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
def test_the_server_decodes_the_example(operation):
    text = msgspec.json.encode(BODIES[operation.name])
    msgspec.json.decode(text, type=operation.body)
    if operation.body_schema is not None:
        msgspec.json.decode(text, type=operation.body_schema)


def test_there_are_no_examples_of_operations_that_are_gone():
    assert set(BODIES) <= {operation.name for operation in WITH_BODY}


def test_every_path_parameter_has_an_example():
    paths = " ".join(path_of(operation) for operation in OPERATIONS)
    for operation in OPERATIONS:
        for part in path_of(operation).split("{")[1:]:
            assert part.partition("}")[0] in PARAMETERS
    assert all(f"{{{name}}}" in paths for name in PARAMETERS)


def test_the_examples_obey_the_rules_behind_the_types():
    check(msgspec.convert(BODIES["applyForEnterprise"], Subject))
    Pattern.parse(BODIES["reserveCodes"]["pattern"])
    Identifier.parse(PARAMETERS["handle"])
    operations = {operation.name: operation for operation in OPERATIONS}
    for name in ("putIdentifier", "changeIdentifier"):
        body = msgspec.convert(BODIES[name], operations[name].body)
        assert normalise(body.values, now=datetime(2026, 3, 2, tzinfo=UTC))
