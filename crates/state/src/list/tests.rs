//! How SQLite answers: by an index and in the right order, however many rows there are.

use model::{PipelineStatus, ServiceStatus, Severity};
use rusqlite::Connection;
use storage::{AlertFilter, PipelineFilter, ServiceFilter};

use super::{Query, alerts_query, pipelines_query, services_query};
use crate::{apply, schema};

fn plan(sql: &str) -> String {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, 0, schema::MIGRATIONS, 0).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let lines: Vec<String> =
        statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap();
    lines.join("; ")
}

fn check(query: &Query, index: &str) {
    check_sql(&query.sql, index);
}

fn check_sql(sql: &str, index: &str) {
    let plan = plan(sql);
    assert!(plan.contains(index), "{sql}\n{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "sorted:\n{sql}\n{plan}");
}

#[test]
fn each_filter_of_services_has_an_index() {
    let filter = ServiceFilter { name: Some("a".to_owned()), ..ServiceFilter::default() };
    check(&services_query(&filter), "sqlite_autoindex_services_1");
    let filter = ServiceFilter { status: Some(ServiceStatus::Up), ..ServiceFilter::default() };
    check(&services_query(&filter), "services_by_status");
    check(&services_query(&ServiceFilter::default()), "SCAN services");
}

#[test]
fn each_filter_of_pipelines_has_an_index() {
    let filter =
        PipelineFilter { pipeline_type: Some("a".to_owned()), ..PipelineFilter::default() };
    check(&pipelines_query(&filter), "pipelines_by_type");
    let filter =
        PipelineFilter { status: Some(PipelineStatus::Running), ..PipelineFilter::default() };
    check(&pipelines_query(&filter), "pipelines_by_status");
    let filter = PipelineFilter { service: Some("a".to_owned()), ..PipelineFilter::default() };
    check(&pipelines_query(&filter), "pipelines_by_service");
    check(&pipelines_query(&PipelineFilter::default()), "SCAN p");
}

#[test]
fn each_filter_of_alerts_has_an_index() {
    let filter = AlertFilter { acknowledged: Some(false), ..AlertFilter::default() };
    check(&alerts_query(&filter), "alerts_by_acknowledged");
    let filter = AlertFilter { service: Some("a".to_owned()), ..AlertFilter::default() };
    check(&alerts_query(&filter), "alerts_by_service");
    check(&alerts_query(&AlertFilter::default()), "SCAN a");
}

#[test]
fn severities_are_walks_that_sort_no_more_than_the_limit() {
    let check = |severities: &[Severity], acknowledged, n_expected: usize| {
        let filter =
            AlertFilter { severities: severities.to_vec(), acknowledged, ..AlertFilter::default() };
        let plan = plan(&alerts_query(&filter).sql);
        let walk = "USING COVERING INDEX alerts_by_severity (severity=? AND <expr>=?)";
        assert_eq!(plan.matches(walk).count(), n_expected, "{plan}");
        assert!(plan.contains("SEARCH a USING INTEGER PRIMARY KEY"), "{plan}");
    };
    check(&[Severity::Error], None, 2);
    check(&[Severity::Error], Some(false), 1);
    check(&[Severity::Error, Severity::Critical], Some(true), 2);
    check(&[Severity::Error, Severity::Critical], None, 4);
}

#[test]
fn the_open_run_is_found_by_an_index() {
    check_sql(apply::OPEN_RUN, "pipelines_open ");
    check_sql(apply::OPEN_RUN_OF_SERVICE, "pipelines_open_by_service");
}
