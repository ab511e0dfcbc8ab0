//! Reports: what services, pipelines and people say, one object per body.

use model::{PipelineStatus, ServiceStatus, Severity};
use serde::ser::{Serialize, Serializer};

use super::PushError;
use super::json::{Node, read};
use super::record::{
    Field, NAME_BYTES_MAX, RecordSeed, optional_text, possibly_empty_text, required_text,
};

/// Bytes of a service's endpoint.
pub const ENDPOINT_BYTES_MAX: usize = 2048;
/// Bytes of an alert's title.
pub const TITLE_BYTES_MAX: usize = 1024;
/// Bytes of an alert's message, and of a pipeline's error message.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a pipeline's metadata as compact JSON.
pub const METADATA_BYTES_MAX: usize = 64 * 1024;

/// What holds the most elements within [`METADATA_BYTES_MAX`] is an array of digits.
const METADATA_ELEMENTS_MAX: usize = METADATA_BYTES_MAX / 2;

/// A service says how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePush {
    /// Its name, not empty.
    pub name: String,
    /// What it says.
    pub status: ServiceStatus,
    /// Where it listens, if it says so.
    pub endpoint: Option<String>,
}

/// A pipeline run says where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelinePush {
    /// `training`, or any other word.
    pub pipeline_type: String,
    /// The service it runs in, if the sender says so.
    pub service: Option<String>,
    /// Where the run is.
    pub status: PipelineStatus,
    /// Why it failed.
    pub error_message: Option<String>,
    /// The free-form object as compact JSON, keys in the sender's order.
    pub metadata_json: Option<String>,
}

/// Somebody raises an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPush {
    /// One line, not empty.
    pub title: String,
    /// What happened.
    pub message: String,
    /// How urgent.
    pub severity: Severity,
    /// As the sender wrote it.
    pub severity_raw: String,
    /// The service it is about.
    pub service: Option<String>,
}

/// Somebody has seen an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgePush {
    /// Who, not empty.
    pub user: String,
}

/// Reads `{"name", "status", "endpoint"?}`.
///
/// # Errors
/// What is wrong with the body.
pub fn parse_service(body: &[u8]) -> Result<ServicePush, PushError> {
    const FIELDS: [Field; 3] =
        [Field::scalar("name"), Field::scalar("status"), Field::scalar("endpoint")];
    let [name, status, endpoint] = read_object(body, &FIELDS)?;
    let name = required_text("name", name, NAME_BYTES_MAX)?;
    let status = required_text("status", status, NAME_BYTES_MAX)?;
    Ok(ServicePush {
        name: name.into_owned(),
        status: ServiceStatus::parse(&status)
            .map_err(|error| PushError::shape("status", error.to_string()))?,
        endpoint: optional_text("endpoint", endpoint, ENDPOINT_BYTES_MAX)?,
    })
}

/// Reads `{"pipeline_type", "status", "metadata"?, "service"?, "error_message"?}`; `type` is taken
/// for `pipeline_type` where that is missing.
///
/// # Errors
/// What is wrong with the body.
pub fn parse_pipeline(body: &[u8]) -> Result<PipelinePush, PushError> {
    const FIELDS: [Field; 6] = [
        Field::scalar("pipeline_type"),
        Field::scalar("type"),
        Field::scalar("status"),
        Field::scalar("service"),
        Field::scalar("error_message"),
        Field::with_elements("metadata", METADATA_ELEMENTS_MAX),
    ];
    let [pipeline_type, short_type, status, service, error_message, metadata] =
        read_object(body, &FIELDS)?;
    let pipeline_type = match (pipeline_type, short_type) {
        (Node::Absent, Node::Absent) => return Err(PushError::missing("pipeline_type")),
        (Node::Absent, short_type) => required_text("type", short_type, NAME_BYTES_MAX)?,
        (pipeline_type, _) => required_text("pipeline_type", pipeline_type, NAME_BYTES_MAX)?,
    };
    let status = required_text("status", status, NAME_BYTES_MAX)?;
    Ok(PipelinePush {
        pipeline_type: pipeline_type.into_owned(),
        service: optional_text("service", service, NAME_BYTES_MAX)?,
        status: PipelineStatus::parse(&status)
            .map_err(|error| PushError::shape("status", error.to_string()))?,
        error_message: optional_text("error_message", error_message, MESSAGE_BYTES_MAX)?,
        metadata_json: check_metadata(&metadata)?,
    })
}

/// Reads `{"title", "message", "severity", "service"?}`; the severity is a number or a word.
///
/// # Errors
/// What is wrong with the body.
pub fn parse_alert(body: &[u8]) -> Result<AlertPush, PushError> {
    const FIELDS: [Field; 4] = [
        Field::scalar("title"),
        Field::scalar("message"),
        Field::scalar("severity"),
        Field::scalar("service"),
    ];
    let [title, message, severity, service] = read_object(body, &FIELDS)?;
    let title = required_text("title", title, TITLE_BYTES_MAX)?;
    let message = possibly_empty_text("message", message, MESSAGE_BYTES_MAX)?;
    let severity_raw = severity_text(severity)?;
    Ok(AlertPush {
        title: title.into_owned(),
        message: message.into_owned(),
        severity: Severity::parse(&severity_raw)
            .map_err(|error| PushError::shape("severity", error.to_string()))?,
        severity_raw,
        service: optional_text("service", service, NAME_BYTES_MAX)?,
    })
}

/// Reads `{"user"}`.
///
/// # Errors
/// What is wrong with the body.
pub fn parse_acknowledge(body: &[u8]) -> Result<AcknowledgePush, PushError> {
    const FIELDS: [Field; 1] = [Field::scalar("user")];
    let [user] = read_object(body, &FIELDS)?;
    let user = required_text("user", user, NAME_BYTES_MAX)?.into_owned();
    Ok(AcknowledgePush { user })
}

fn read_object<'a, const N: usize>(
    body: &'a [u8],
    fields: &'static [Field; N],
) -> Result<[Node<'a>; N], PushError> {
    read(body, RecordSeed { fields, depth: 0 })?
        .map_err(|got| PushError::shape("", format!("the body must be an object, got {got}")))
}

/// A severity as text; `2.0` is 2, because some languages know no other numbers.
fn severity_text(node: Node<'_>) -> Result<String, PushError> {
    match node.as_f64() {
        Some(number) => Ok(number.to_string()),
        None if matches!(node, Node::Text(_) | Node::Absent) => {
            Ok(required_text("severity", node, NAME_BYTES_MAX)?.into_owned())
        }
        None => Err(PushError::must_be("severity", "a number or a string", node.type_name())),
    }
}

fn check_metadata(node: &Node<'_>) -> Result<Option<String>, PushError> {
    match node {
        Node::Absent | Node::Null => Ok(None),
        Node::LargeObject => {
            let reason =
                format!("field \"metadata\" has more than {METADATA_ELEMENTS_MAX} elements");
            Err(PushError::limit("metadata", reason))
        }
        Node::Object(_) => {
            let json = serde_json::to_string(&Compact(node)).expect("keys are texts");
            if json.len() > METADATA_BYTES_MAX {
                return Err(PushError::too_long("metadata", json.len(), METADATA_BYTES_MAX));
            }
            Ok(Some(json))
        }
        other => Err(PushError::must_be("metadata", "an object", other.type_name())),
    }
}

/// Writes a node back as JSON.
struct Compact<'n, 'a>(&'n Node<'a>);

impl Serialize for Compact<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::Unsigned(number) => serializer.serialize_u64(*number),
            Node::Signed(number) => serializer.serialize_i64(*number),
            Node::Float(number) => serializer.serialize_f64(*number),
            Node::Text(text) => serializer.serialize_str(text),
            Node::Array(nodes) => serializer.collect_seq(nodes.iter().map(Compact)),
            Node::Object(pairs) => {
                serializer.collect_map(pairs.iter().map(|(key, node)| (key, Compact(node))))
            }
            Node::Null | Node::Absent | Node::LargeArray | Node::LargeObject => {
                serializer.serialize_unit()
            }
        }
    }
}
