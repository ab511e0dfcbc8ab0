//! Schema: which JSON key is which protobuf field. What is not listed is not read, as unknown keys
//! are.
//!
//! Source: `collector/metrics/v1`, `metrics/v1`, `resource/v1` and `common/v1` of
//! opentelemetry-proto.

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    /// Bytes that OTLP writes in hex.
    Hex,
    Bool,
    Double,
    /// `fixed64` or `sfixed64`.
    Fixed64 {
        is_signed: bool,
    },
    /// `int64`, `uint64`, `uint32` or the number of an enumeration.
    Varint {
        is_signed: bool,
    },
    /// `sint32`.
    ZigZag,
    Message(&'static [Field]),
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
}

const fn one(key: &'static str, number: u32, kind: Kind) -> Field {
    Field { key, number, kind, is_repeated: false }
}

const fn many(key: &'static str, number: u32, kind: Kind) -> Field {
    Field { key, number, kind, is_repeated: true }
}

const TIME: Kind = Kind::Fixed64 { is_signed: false };
const COUNT: Kind = Kind::Fixed64 { is_signed: false };
const UNSIGNED: Kind = Kind::Varint { is_signed: false };

pub(super) static REQUEST: [Field; 1] =
    [many("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS))];

static RESOURCE_METRICS: [Field; 2] = [
    one("resource", 1, Kind::Message(&RESOURCE)),
    many("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
];

static RESOURCE: [Field; 1] = [many("attributes", 1, Kind::Message(&KEY_VALUE))];

static SCOPE_METRICS: [Field; 3] = [
    one("scope", 1, Kind::Message(&SCOPE)),
    many("metrics", 2, Kind::Message(&METRIC)),
    one("schemaUrl", 3, Kind::Text),
];

static SCOPE: [Field; 3] = [
    one("name", 1, Kind::Text),
    one("version", 2, Kind::Text),
    many("attributes", 3, Kind::Message(&KEY_VALUE)),
];

static METRIC: [Field; 8] = [
    one("name", 1, Kind::Text),
    one("description", 2, Kind::Text),
    one("unit", 3, Kind::Text),
    one("gauge", 5, Kind::Message(&GAUGE)),
    one("sum", 7, Kind::Message(&SUM)),
    one("histogram", 9, Kind::Message(&HISTOGRAM)),
    one("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Kind::Message(&SUMMARY)),
];

static GAUGE: [Field; 1] = [many("dataPoints", 1, Kind::Message(&NUMBER_POINT))];

static SUM: [Field; 3] = [
    many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
    one("aggregationTemporality", 2, UNSIGNED),
    one("isMonotonic", 3, Kind::Bool),
];

static HISTOGRAM: [Field; 2] = [
    many("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
    one("aggregationTemporality", 2, UNSIGNED),
];

static EXPONENTIAL_HISTOGRAM: [Field; 2] = [
    many("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
    one("aggregationTemporality", 2, UNSIGNED),
];

static SUMMARY: [Field; 1] = [many("dataPoints", 1, Kind::Message(&SUMMARY_POINT))];

static NUMBER_POINT: [Field; 7] = [
    one("startTimeUnixNano", 2, TIME),
    one("timeUnixNano", 3, TIME),
    one("asDouble", 4, Kind::Double),
    many("exemplars", 5, Kind::Message(&EXEMPLAR)),
    one("asInt", 6, Kind::Fixed64 { is_signed: true }),
    many("attributes", 7, Kind::Message(&KEY_VALUE)),
    one("flags", 8, UNSIGNED),
];

static HISTOGRAM_POINT: [Field; 9] = [
    one("startTimeUnixNano", 2, TIME),
    one("timeUnixNano", 3, TIME),
    one("count", 4, COUNT),
    one("sum", 5, Kind::Double),
    many("bucketCounts", 6, COUNT),
    many("explicitBounds", 7, Kind::Double),
    many("exemplars", 8, Kind::Message(&EXEMPLAR)),
    many("attributes", 9, Kind::Message(&KEY_VALUE)),
    one("flags", 10, UNSIGNED),
];

static EXPONENTIAL_POINT: [Field; 12] = [
    many("attributes", 1, Kind::Message(&KEY_VALUE)),
    one("startTimeUnixNano", 2, TIME),
    one("timeUnixNano", 3, TIME),
    one("count", 4, COUNT),
    one("sum", 5, Kind::Double),
    one("scale", 6, Kind::ZigZag),
    one("zeroCount", 7, COUNT),
    one("positive", 8, Kind::Message(&BUCKETS)),
    one("negative", 9, Kind::Message(&BUCKETS)),
    one("flags", 10, UNSIGNED),
    many("exemplars", 11, Kind::Message(&EXEMPLAR)),
    one("zeroThreshold", 14, Kind::Double),
];

static BUCKETS: [Field; 2] = [one("offset", 1, Kind::ZigZag), many("bucketCounts", 2, UNSIGNED)];

static SUMMARY_POINT: [Field; 7] = [
    one("startTimeUnixNano", 2, TIME),
    one("timeUnixNano", 3, TIME),
    one("count", 4, COUNT),
    one("sum", 5, Kind::Double),
    many("quantileValues", 6, Kind::Message(&QUANTILE)),
    many("attributes", 7, Kind::Message(&KEY_VALUE)),
    one("flags", 8, UNSIGNED),
];

static QUANTILE: [Field; 2] = [one("quantile", 1, Kind::Double), one("value", 2, Kind::Double)];

static EXEMPLAR: [Field; 6] = [
    one("timeUnixNano", 2, TIME),
    one("asDouble", 3, Kind::Double),
    one("spanId", 4, Kind::Hex),
    one("traceId", 5, Kind::Hex),
    one("asInt", 6, Kind::Fixed64 { is_signed: true }),
    many("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
];

static KEY_VALUE: [Field; 2] =
    [one("key", 1, Kind::Text), one("value", 2, Kind::Message(&ANY_VALUE))];

static ANY_VALUE: [Field; 7] = [
    one("stringValue", 1, Kind::Text),
    one("boolValue", 2, Kind::Bool),
    one("intValue", 3, Kind::Varint { is_signed: true }),
    one("doubleValue", 4, Kind::Double),
    one("arrayValue", 5, Kind::Message(&ARRAY)),
    one("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Kind::Bytes),
];

static ARRAY: [Field; 1] = [many("values", 1, Kind::Message(&ANY_VALUE))];

static KEY_VALUE_LIST: [Field; 1] = [many("values", 1, Kind::Message(&KEY_VALUE))];
