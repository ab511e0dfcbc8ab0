use axum::http::{HeaderMap, HeaderValue, Method, header};

use super::{Access, Key, Scope, find_key, required};

fn found(authorization: &str) -> bool {
    let keys = [Key::new("ci".into(), "s3cret", vec![Scope::Read])];
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
    find_key(&keys, &headers).is_some()
}

#[test]
fn bearer_raw_and_basic_are_one_key() {
    assert!(found("Bearer s3cret"));
    assert!(found("bearer   s3cret"));
    assert!(found("s3cret"));
    assert!(found("Token s3cret") && found("Token anyone:s3cret"));
    assert!(found("Basic YW55b25lOnMzY3JldA=="), "anyone:s3cret");
    for wrong in ["Bearer s3cre", "Bearer", "", "Basic s3cret", "Digest s3cret", "Bearer s3cret2"] {
        assert!(!found(wrong), "{wrong:?}");
    }
}

#[test]
fn admin_is_everything_and_others_only_themselves() {
    let admin = Key::new("a".into(), "x", vec![Scope::Admin]);
    let read = Key::new("r".into(), "y", vec![Scope::Read]);
    for scope in Scope::ALL {
        assert!(admin.permits(scope));
        assert_eq!(read.permits(scope), scope == Scope::Read);
    }
}

#[test]
fn what_is_not_in_the_table_needs_admin() {
    let needs = |method: Method, path: &str| required(&method, path, None);
    assert_eq!(needs(Method::GET, "/metrics"), Access::Needs(Scope::Scrape));
    assert_eq!(required(&Method::GET, "/metrics", Some("hours=24")), Access::Needs(Scope::Read));
    assert_eq!(needs(Method::POST, "/metrics"), Access::Needs(Scope::Ingest));
    assert_eq!(needs(Method::POST, "/alerts/1/acknowledge"), Access::Needs(Scope::Admin));
    assert_eq!(needs(Method::POST, "/health"), Access::Needs(Scope::Admin));
    assert_eq!(needs(Method::DELETE, "/services"), Access::Needs(Scope::Admin));
    assert_eq!(needs(Method::GET, "/anything"), Access::Needs(Scope::Admin));
    assert_eq!(needs(Method::GET, "/-/ready"), Access::Public);
}

#[test]
fn a_question_in_a_body_is_still_reading() {
    let ranges = |method: Method| required(&method, "/api/v1/monitoring/ranges", None);
    assert_eq!(ranges(Method::POST), Access::Needs(Scope::Read));
    assert_eq!(ranges(Method::PUT), Access::Needs(Scope::Admin));
    let range = required(&Method::POST, "/api/v1/monitoring/range", None);
    assert_eq!(range, Access::Needs(Scope::Admin), "only this one path");
}
