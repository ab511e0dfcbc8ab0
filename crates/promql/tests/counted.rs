//! What an answer says of the samples that its query touched.

mod series;

use std::sync::Arc;

use promql::{Engine, Options, SampleStats};
use series::Loaded;

const TWO: &str = "c{a=\"x\"} 0 10 20 30 40 50\nc{a=\"y\"} 1 2 3 4 5 6";

fn engine(series: &str, options: Options) -> Engine {
    Engine::new(Arc::new(Loaded::new(series)), options)
}

#[test]
fn samples_are_counted() {
    let of = |query: &str, is_plain: bool| {
        let options = Options { is_plain, ..Options::default() };
        let answer = engine(TWO, options).range(query, 60_000, 180_000, 60_000);
        let SampleStats { n_queryable, n_read, n_peak } = answer.unwrap().samples;
        // One series after the other, or all at once.
        assert!(n_peak >= if is_plain { n_read } else { n_read / 2 }, "{query}");
        (n_queryable, n_read)
    };
    for is_plain in [false, true] {
        // Two series with a sample each minute, from 0 on.
        assert_eq!(of("c", is_plain), (6, 8));
        assert_eq!(of("sum_over_time(c[2m])", is_plain), (12, 8));
        assert_eq!(of("sum(rate(c[2m]))", is_plain), (12, 8));
        assert_eq!(of("1", is_plain), (0, 0));
        assert_eq!(of("absent_over_time(c[2m])", is_plain), (12, 8));
        // What is evaluated once counts for each step, a subquery by its own points.
        assert_eq!(of("c @ 60", is_plain).0, 6);
        assert_eq!(of("sum(sum_over_time(c[2m] @ 120))", is_plain).0, 12);
        assert_eq!(of("max_over_time(sum_over_time(c[2m])[2m:1m])", is_plain).0, 12);
    }
    for (query, n_queryable) in
        [("c[2m]", 4), ("c[2m] @ 60", 4), ("sum_over_time(c[2m])[2m:1m]", 8)]
    {
        let answer = engine(TWO, Options::default()).instant(query, 180_000).unwrap();
        assert_eq!(answer.samples.n_queryable, n_queryable, "{query}");
    }
}
