//! Lists: filters become SQL, rows become the nouns of `model`. Values are always bound.

use model::{Alert, Pipeline, PipelineStatus, Service, ServiceStatus, Severity};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, ToSql};
use storage::{AlertFilter, PipelineFilter, ServiceFilter};

/// A statement with its values.
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) values: Vec<Box<dyn ToSql>>,
}

impl Query {
    fn new(columns: &str) -> Self {
        Self { sql: columns.to_owned(), values: Vec::new() }
    }

    /// Adds text whose `?` stands for the value, which is numbered so that it can be said again.
    fn push(&mut self, text: &str, value: impl ToSql + 'static) {
        self.values.push(Box::new(value));
        let number = format!("?{}", self.values.len());
        self.sql.push_str(&text.replace('?', &number));
    }

    fn newest_first(mut self, id: &str, limit: usize) -> Self {
        self.sql.push_str(&format!(" ORDER BY {id} DESC"));
        self.push(" LIMIT ?", i64::try_from(limit).unwrap_or(i64::MAX));
        self
    }

    fn rows<T>(
        &self,
        connection: &Connection,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let values = rusqlite::params_from_iter(&self.values);
        statement.query_map(values, read)?.collect()
    }
}

/// Groups of pushed metrics.
pub(crate) fn groups(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("SELECT labels, page FROM pushed_groups")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Services as they are on disk.
pub(crate) fn services(
    connection: &Connection,
    filter: &ServiceFilter,
) -> rusqlite::Result<Vec<Service>> {
    services_query(filter).rows(connection, read_service)
}

pub(crate) fn services_query(filter: &ServiceFilter) -> Query {
    let mut query = Query::new(
        "SELECT id, name, status, last_check_ms, last_status_change_ms, endpoint
         FROM services WHERE true",
    );
    if let Some(name) = &filter.name {
        query.push(" AND name = ?", name.clone());
    }
    if let Some(status) = filter.status {
        query.push(" AND status = ?", status.as_str());
    }
    query.newest_first("id", filter.limit)
}

fn read_service(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        id: row.get(0)?,
        name: row.get(1)?,
        status: word(row, 2, ServiceStatus::parse)?,
        last_check_ms: row.get(3)?,
        last_status_change_ms: row.get(4)?,
        endpoint: row.get(5)?,
    })
}

/// Pipeline runs.
pub(crate) fn pipelines(
    connection: &Connection,
    filter: &PipelineFilter,
) -> rusqlite::Result<Vec<Pipeline>> {
    pipelines_query(filter).rows(connection, read_pipeline)
}

pub(crate) fn pipelines_query(filter: &PipelineFilter) -> Query {
    let mut query = Query::new(
        "SELECT p.id, p.pipeline_type, s.name, p.status, p.started_ms, p.ended_ms,
                p.error_message, p.metadata_json
         FROM pipelines p LEFT JOIN services s ON s.id = p.service_id WHERE true",
    );
    if let Some(pipeline_type) = &filter.pipeline_type {
        query.push(" AND p.pipeline_type = ?", pipeline_type.clone());
    }
    if let Some(status) = filter.status {
        query.push(" AND p.status = ?", status.as_str());
    }
    if let Some(service) = &filter.service {
        query.push(" AND p.service_id = (SELECT id FROM services WHERE name = ?)", service.clone());
    }
    query.newest_first("p.id", filter.limit)
}

fn read_pipeline(row: &Row<'_>) -> rusqlite::Result<Pipeline> {
    Ok(Pipeline {
        id: row.get(0)?,
        pipeline_type: row.get(1)?,
        service: row.get(2)?,
        status: word(row, 3, PipelineStatus::parse)?,
        started_ms: row.get(4)?,
        ended_ms: row.get(5)?,
        error_message: row.get(6)?,
        metadata_json: row.get(7)?,
    })
}

/// Alerts.
pub(crate) fn alerts(
    connection: &Connection,
    filter: &AlertFilter,
) -> rusqlite::Result<Vec<Alert>> {
    alerts_query(filter).rows(connection, read_alert)
}

/// A filter by severity is a walk down an index for each severity, acknowledged or not, each
/// newest first and short: one walk over all of them would have to be sorted.
pub(crate) fn alerts_query(filter: &AlertFilter) -> Query {
    let mut query = Query::new(
        "SELECT a.id, s.name, a.pipeline_run, a.title, a.message, a.severity, a.severity_raw,
                a.raised_ms, a.acknowledged_by, a.acknowledged_ms
         FROM alerts a LEFT JOIN services s ON s.id = a.service_id WHERE true",
    );
    if filter.severities.is_empty() {
        narrow(&mut query, filter.acknowledged, filter);
        return query.newest_first("a.id", filter.limit);
    }
    let mut before = " AND a.id IN (";
    for (severity, acknowledged) in walks(filter) {
        query.sql.push_str(before);
        query.sql.push_str("SELECT id FROM (SELECT a.id FROM alerts a WHERE true");
        query.push(" AND a.severity = ?", severity.as_str());
        narrow(&mut query, Some(acknowledged), filter);
        query = query.newest_first("a.id", filter.limit);
        query.sql.push(')');
        before = " UNION ALL ";
    }
    query.sql.push(')');
    query.newest_first("a.id", filter.limit)
}

fn walks(filter: &AlertFilter) -> Vec<(Severity, bool)> {
    let mut severities = filter.severities.clone();
    severities.sort_unstable();
    severities.dedup();
    let acknowledged = filter.acknowledged.map_or(vec![false, true], |one| vec![one]);
    let pair = |severity| acknowledged.iter().map(move |acknowledged| (severity, *acknowledged));
    severities.into_iter().flat_map(pair).collect()
}

fn narrow(query: &mut Query, acknowledged: Option<bool>, filter: &AlertFilter) {
    if let Some(acknowledged) = acknowledged {
        query.push(" AND (a.acknowledged_ms IS NOT NULL) = ?", acknowledged);
    }
    if let Some(service) = &filter.service {
        query.push(" AND a.service_id = (SELECT id FROM services WHERE name = ?)", service.clone());
    }
}

fn read_alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let acknowledged_by: Option<String> = row.get(8)?;
    let acknowledged_ms: Option<i64> = row.get(9)?;
    Ok(Alert {
        id: row.get(0)?,
        service: row.get(1)?,
        pipeline_run: row.get(2)?,
        title: row.get(3)?,
        message: row.get(4)?,
        severity: word(row, 5, Severity::parse)?,
        severity_raw: row.get(6)?,
        raised_ms: row.get(7)?,
        acknowledged: acknowledged_by.zip(acknowledged_ms),
    })
}

/// Reads a column that holds one of few words.
fn word<T, E>(row: &Row<'_>, idx: usize, parse: fn(&str) -> Result<T, E>) -> rusqlite::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(idx)?;
    parse(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(idx, Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests;
