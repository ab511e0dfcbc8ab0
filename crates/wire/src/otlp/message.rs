//! Message: the outline of a request, read in place. Fields may come in any order, so each message
//! is gone through twice: for what is said once, then for what is said of each item.
//!
//! `Request{resource_metrics=1{resource=1{attributes=1}, scope_metrics=2{scope=1{name=1, version=2,
//! attributes=3}, metrics=2, schema_url=3}}}`, `Metric{name=1, description=2, unit=3, gauge=5,
//! sum=7, histogram=9, exponential_histogram=10, summary=11}`.

use super::MessageError;
use super::attributes::Attributes;
use super::labels::Scope;
use super::value::utf8;
use crate::remote_write::fields::{Fields, Value};

/// Calls `take` with each message that field `number` holds.
pub(super) fn each<'m>(
    mut fields: Fields<'m>,
    number: u32,
    mut take: impl FnMut(Fields<'m>) -> Result<(), MessageError>,
) -> Result<(), MessageError> {
    let mut offset = fields.offset();
    while let Some((given, value)) = fields.next()? {
        match value {
            Value::Bytes(span) if given == number => take(fields.within(span))?,
            _ if given == number => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(())
}

/// The attributes of the resource of a `ResourceMetrics`.
pub(super) fn read_resource<'m>(fields: Fields<'m>) -> Result<Attributes<'m>, MessageError> {
    let mut attributes = Attributes::default();
    each(fields, 1, |resource| read_attributes(resource, 1, &mut attributes))?;
    Ok(attributes)
}

fn read_attributes<'m>(
    mut fields: Fields<'m>,
    number: u32,
    attributes: &mut Attributes<'m>,
) -> Result<(), MessageError> {
    let mut offset = fields.offset();
    while let Some((given, value)) = fields.next()? {
        match value {
            Value::Bytes(span) if given == number => attributes.push(&fields, span)?,
            _ if given == number => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(())
}

/// The scope of a `ScopeMetrics`.
pub(super) fn read_scope<'m>(mut fields: Fields<'m>) -> Result<Scope<'m>, MessageError> {
    let mut scope = Scope::default();
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => read_own_scope(fields.within(span), &mut scope)?,
            (3, Value::Bytes(span)) => scope.schema_url = utf8(&fields, span, "schema of a scope")?,
            (1 | 3, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(scope)
}

fn read_own_scope<'m>(mut fields: Fields<'m>, scope: &mut Scope<'m>) -> Result<(), MessageError> {
    let mut offset = fields.offset();
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(span)) => scope.name = utf8(&fields, span, "name of a scope")?,
            (2, Value::Bytes(span)) => scope.version = utf8(&fields, span, "version of a scope")?,
            (3, Value::Bytes(span)) => scope.attributes.push(&fields, span)?,
            (1..=3, _) => return Err(MessageError::Type { offset, number }),
            _ => {}
        }
        offset = fields.offset();
    }
    Ok(())
}

/// What kind of points a metric has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Gauge,
    Sum,
    Explicit,
    Exponential,
    Summary,
}

/// A metric before its points are looked at.
#[derive(Debug, Clone)]
pub(super) struct Metric<'m> {
    pub(super) name: &'m str,
    pub(super) description: &'m str,
    pub(super) unit: &'m str,
    pub(super) data: Option<Data<'m>>,
}

/// The points of a metric and how they are to be taken.
#[derive(Debug, Clone)]
pub(super) struct Data<'m> {
    pub(super) shape: Shape,
    /// 1 says what came since the point before, 2 since the start; others say nothing.
    pub(super) temporality: u64,
    pub(super) is_monotonic: bool,
    /// `points=1, temporality=2, is_monotonic=3`.
    pub(super) fields: Fields<'m>,
}

impl<'m> Metric<'m> {
    pub(super) fn read(mut fields: Fields<'m>) -> Result<Self, MessageError> {
        let mut metric = Self { name: "", description: "", unit: "", data: None };
        let mut offset = fields.offset();
        while let Some((number, value)) = fields.next()? {
            let shape = match number {
                5 => Some(Shape::Gauge),
                7 => Some(Shape::Sum),
                9 => Some(Shape::Explicit),
                10 => Some(Shape::Exponential),
                11 => Some(Shape::Summary),
                _ => None,
            };
            match (number, value) {
                (1, Value::Bytes(span)) => metric.name = utf8(&fields, span, "name of a metric")?,
                (2, Value::Bytes(span)) => {
                    metric.description = utf8(&fields, span, "description of a metric")?;
                }
                (3, Value::Bytes(span)) => metric.unit = utf8(&fields, span, "unit of a metric")?,
                (1..=3, _) => return Err(MessageError::Type { offset, number }),
                (_, Value::Bytes(span)) => {
                    let data = shape.map(|shape| Data::read(shape, fields.within(span)));
                    metric.data = data.transpose()?.or(metric.data);
                }
                (_, _) if shape.is_some() => return Err(MessageError::Type { offset, number }),
                _ => {}
            }
            offset = fields.offset();
        }
        Ok(metric)
    }
}

impl<'m> Data<'m> {
    fn read(shape: Shape, fields: Fields<'m>) -> Result<Self, MessageError> {
        let mut data = Self { shape, temporality: 0, is_monotonic: false, fields: fields.clone() };
        if matches!(shape, Shape::Gauge | Shape::Summary) {
            return Ok(data);
        }
        let mut rest = fields;
        let mut offset = rest.offset();
        while let Some((number, value)) = rest.next()? {
            match (number, value) {
                (2, Value::Varint(temporality)) => data.temporality = temporality,
                (3, Value::Varint(flag)) if shape == Shape::Sum => data.is_monotonic = flag != 0,
                (2, _) => return Err(MessageError::Type { offset, number }),
                (3, _) if shape == Shape::Sum => return Err(MessageError::Type { offset, number }),
                _ => {}
            }
            offset = rest.offset();
        }
        Ok(data)
    }
}
