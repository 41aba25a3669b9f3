"""Reads OTLP requests in JSON, one a line, with the messages of opentelemetry-proto; a member that they do not have is an
error. The first argument says which: traces or metrics. Prints how many spans or data points there are."""

import base64
import json
import sys

from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def with_octets(value):
    """OTLP writes ids in hexadecimal, where the JSON of protobuf has base64."""
    if isinstance(value, list):
        return [with_octets(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64encode(bytes.fromhex(item)).decode() if name in ids else with_octets(item)
        for name, item in value.items()
    }


count = 0
for line in sys.stdin:
    body = with_octets(json.loads(line))
    if sys.argv[1] == "traces":
        request = ParseDict(body, ExportTraceServiceRequest(), ignore_unknown_fields=False)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    assert len(span.trace_id) == 16 and len(span.span_id) == 8
                    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
                    count += 1
    else:
        request = ParseDict(body, ExportMetricsServiceRequest(), ignore_unknown_fields=False)
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = getattr(metric, metric.WhichOneof("data")).data_points
                    for point in points:
                        if metric.HasField("histogram"):
                            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                            assert sum(point.bucket_counts) == point.count
                        count += 1
print(count)
