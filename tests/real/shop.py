"""A service with foreign telemetry: the OpenTelemetry Python SDK, which sends OTLP over HTTP."""

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

# Bounds of the semantic conventions for http.server.request.duration.
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

# Objectives that a team would write for such a service.
OBJECTIVES = """
slos:
  - name: availability
    service: shop
    target: 0.999
    events:
      total: {metric: http.server.request.duration}
      bad: {metric: http.server.request.duration, where: {http.response.status_code: "5*"}}
  - name: latency
    service: shop
    target: 0.99
    latency: {metric: http.server.request.duration, threshold: 250ms}
"""


class Shop:
    """Counts each request in a metric and describes it by a span."""

    def __init__(self, otlp: str):
        resource = Resource.create({
            "service.name": "shop", "service.version": "1.0.0", "deployment.environment.name": "test",
            "mapwarden.team": "shopkeepers", "cloud.region": "eu-west-1",
        })
        # Exports wait for flush(): the tests decide when something is sent.
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=otlp + "/v1/metrics", timeout=5), export_interval_millis=3_600_000)
        self.metrics = MeterProvider(metric_readers=[reader], resource=resource)
        self.traces = TracerProvider(resource=resource)
        self.traces.add_span_processor(BatchSpanProcessor(
            OTLPSpanExporter(endpoint=otlp + "/v1/traces", timeout=5), max_queue_size=100_000))
        self.duration = self.metrics.get_meter("shop").create_histogram(
            "http.server.request.duration", unit="s", explicit_bucket_boundaries_advisory=BOUNDS)
        self.tracer = self.traces.get_tracer("shop")

    def request(self, user: str, status: int = 200, seconds: float = 0.02) -> None:
        attributes = {"http.request.method": "POST", "http.route": "/pay", "http.response.status_code": status}
        self.duration.record(seconds, attributes)
        with self.tracer.start_as_current_span(
                "POST /pay", kind=SpanKind.SERVER, attributes={**attributes, "enduser.id": user}) as span:
            if status >= 500:
                span.set_attribute("error.type", str(status))
                span.set_status(Status(StatusCode.ERROR))

    def flush(self) -> None:
        """Sends everything. Whether it arrived, only the sidecar knows."""
        self.traces.force_flush(10_000)
        self.metrics.force_flush(10_000)

    def end(self) -> None:
        self.traces.shutdown()
        self.metrics.shutdown(5_000)
