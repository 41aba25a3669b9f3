"""Reads ExportLogsServiceRequests in the JSON encoding of OTLP, one a line, with the messages of opentelemetry-proto; a member
that they do not have is an error. Prints what they hold, one record a line."""

import json
import sys

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest


def value_of(value):
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    return getattr(value, kind)


def attributes_of(attributes):
    return {attribute.key: value_of(attribute.value) for attribute in attributes}


for line in sys.stdin:
    request = Parse(line, ExportLogsServiceRequest(), ignore_unknown_fields=False)
    for resource in request.resource_logs:
        for scope in resource.scope_logs:
            for record in scope.log_records:
                print(
                    json.dumps(
                        {
                            "resource": attributes_of(resource.resource.attributes),
                            "scope": scope.scope.name,
                            "time": record.time_unix_nano,
                            "severity": record.severity_number,
                            "name": record.event_name,
                            "body": value_of(record.body),
                            "attributes": attributes_of(record.attributes),
                        }
                    )
                )
