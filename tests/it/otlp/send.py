"""Sends one of each instrument with OpenTelemetry's own SDK and exporters.

send.py http|grpc URL TEMPORALITY [KEY]: gzip, a counter added to in two collections, a gauge, an
up-down counter, a histogram with bounds, an exponential histogram. Prints the result of each export.
"""
import sys

from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

protocol, url, temporality, *key = sys.argv[1:]
headers = {"authorization": f"Bearer {key[0]}"} if key else {}
if protocol == "grpc":
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(
        endpoint=url, insecure=True, headers=headers, compression=Compression.Gzip, timeout=20
    )
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    exporter = OTLPMetricExporter(
        endpoint=url, headers=headers, compression=Compression.Gzip, timeout=20
    )

kind = AggregationTemporality[temporality]
reader = InMemoryMetricReader(
    preferred_temporality={Counter: kind, UpDownCounter: kind, Histogram: kind}
)
name = f"{protocol}.{temporality.lower()}"
provider = MeterProvider(
    metric_readers=[reader],
    resource=Resource(
        {"service.name": name, "service.instance.id": "sdk", "deployment.environment": "test"}
    ),
    views=[
        View(
            instrument_name="sdk.fine",
            aggregation=ExponentialBucketHistogramAggregation(),
        )
    ],
)
meter = provider.get_meter("sender", "1.0")
requests = meter.create_counter("sdk.requests", unit="{request}", description="Requests.")
memory = meter.create_gauge("sdk.memory", unit="By")
queue = meter.create_up_down_counter("sdk.queue")
duration = meter.create_histogram(
    "sdk.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1]
)
fine = meter.create_histogram("sdk.fine", unit="s")

for value in [5, 2]:
    requests.add(value, {"http.method": "GET"})
    memory.set(1024.5)
    queue.add(-value)
    duration.record(0.5)
    duration.record(3.0)
    fine.record(3.0)
    print(exporter.export(reader.get_metrics_data()).name)
