//! Generate: queries of every shape that Prometheus 2.42 knows, over the metrics of the data, most
//! of them such that there is something to compare.

use crate::differential::data::{CODES, INSTANCES, JOBS, LENGTH_S, START_MS};
use crate::differential::dice::Dice;
use crate::differential::query::{Aggregate, At, Binary, Expr, Selector, Subquery, When};
use crate::differential::sides::{Question, Times};

/// Queries look at moments half a second away from full ones: a subquery's steps are full seconds,
/// and would lie on the edge of its window otherwise.
const HALF_MS: i64 = 500;
/// Moves a subquery within a subquery off the steps of the outer one, for the same reason.
const QUARTER_MS: i64 = 250;
/// How deep expressions are.
const DEPTH: usize = 4;

/// The question of this number.
pub(crate) fn question(mut dice: Dice) -> Question {
    let moment = |dice: &mut Dice| START_MS + 1000 * dice.below(LENGTH_S as usize) as i64 + HALF_MS;
    let start_ms = moment(&mut dice);
    if dice.percent(45) {
        let step_ms = 1000 * dice.pick(&[7, 15, 30, 60, 60, 90, 300]);
        let end_ms = start_ms + step_ms * dice.below(40) as i64;
        let mut generator = Generator { dice, n_subqueries: 0 };
        let is_scalar = generator.dice.percent(8);
        let expr = if is_scalar { generator.scalar(DEPTH) } else { generator.vector(DEPTH) };
        return Question { expr, times: Times::Range { start_ms, end_ms, step_ms } };
    }
    let mut generator = Generator { dice, n_subqueries: 0 };
    let expr = match generator.dice.below(100) {
        0..80 => generator.vector(DEPTH),
        80..85 => generator.scalar(DEPTH),
        85..99 => generator.matrix(DEPTH - 1),
        _ => Expr::Text("text \\ \"quoted\"".to_owned()),
    };
    Question { expr, times: Times::At(start_ms) }
}

struct Generator {
    dice: Dice,
    /// How many subqueries are around this place.
    n_subqueries: usize,
}

const METRICS: [&str; 13] = [
    "requests_total",
    "requests_total",
    "bytes_total",
    "load",
    "load",
    "up",
    "build_info",
    "temperature",
    "sparse",
    "start_time_seconds",
    "latency_seconds_bucket",
    "latency_seconds_sum",
    "odd",
];
const COUNTERS: [&str; 5] = [
    "requests_total",
    "requests_total",
    "bytes_total",
    "latency_seconds_count",
    "latency_seconds_bucket",
];
const LABELS: [&str; 6] = ["job", "instance", "code", "sensor", "version", "le"];
const GROUPINGS: [&str; 10] = [
    "",
    "by (job)",
    "by (instance)",
    "by (job, instance)",
    "by (code, nowhere)",
    "by ()",
    "by (__name__, job)",
    "without (instance)",
    "without (code, job)",
    "without ()",
];
const RANGES_S: [u32; 8] = [20, 45, 60, 90, 150, 300, 600, 1200];
const ARITHMETIC: [&str; 7] = ["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISON: [&str; 6] = ["==", "!=", ">", "<", ">=", "<="];
const NUMBERS: [&str; 20] = [
    "0", "1", "2", "-1", "0.5", "3.25", "10", "60", "0.9", "1e3", "-0.1", "0x1F", "1e-9", "100",
    "NaN", "Inf", "-Inf", "5", "0.99", "-7",
];

impl Generator {
    fn vector(&mut self, depth: usize) -> Expr {
        if depth == 0 {
            return self.selected();
        }
        match self.dice.below(100) {
            0..8 => self.selected(),
            8..28 => self.aggregate(depth),
            28..46 => self.over_range(depth),
            46..62 => self.of_values(depth),
            62..67 => self.of_labels(depth),
            67..71 => self.quantile_of_histogram(depth),
            71..79 => self.with_scalar(depth),
            79..89 => self.related(depth),
            89..94 => self.set(depth),
            94..96 => Expr::Minus(Box::new(self.vector(depth - 1))),
            96..98 => Expr::Call("vector", vec![self.scalar(depth - 1)]),
            _ => Expr::Call("absent", vec![self.vector(depth - 1)]),
        }
    }

    fn selected(&mut self) -> Expr {
        let metric = self.dice.pick(&METRICS);
        Expr::Selector(self.selector(metric))
    }

    fn selector(&mut self, metric: &str) -> Selector {
        let mut matchers: Vec<String> = Vec::new();
        let mut name = metric.to_owned();
        match self.dice.below(30) {
            0 => {
                name.clear();
                matchers.push("__name__=~\"load|up\"".to_owned());
            }
            1 => {
                name.clear();
                matchers.push(format!("__name__=\"{metric}\""));
            }
            2 => name = "nowhere".to_owned(),
            _ => {}
        }
        for _ in 0..self.dice.pick(&[0, 0, 0, 1, 1, 2]) {
            matchers.push(self.matcher());
        }
        let text = match matchers.as_slice() {
            [] => name,
            matchers => format!("{name}{{{}}}", matchers.join(",")),
        };
        Selector { text, when: self.when(0) }
    }

    fn matcher(&mut self) -> String {
        let (job, instance) = (self.dice.pick(&JOBS), self.dice.pick(&INSTANCES));
        let code = self.dice.pick(&CODES);
        match self.dice.below(10) {
            0 => format!("job=\"{job}\""),
            1 => format!("job!=\"{job}\""),
            2 => format!("job=~\"{job}|db\""),
            3 => format!("instance=\"{instance}\""),
            4 => format!("instance!~\"{instance}|c.*\""),
            5 => "instance=~\"[a-c]:.\"".to_owned(),
            6 => format!("code=~\"{code}|\""),
            7 => "code!~\"4..\"".to_owned(),
            8 => "code=\"\"".to_owned(),
            _ => "version!=\"1.0\"".to_owned(),
        }
    }

    fn when(&mut self, offset_ms: i64) -> When {
        let at = match self.dice.below(40) {
            0 => Some(At::Start),
            1 => Some(At::End),
            2 => {
                Some(At::Ms(START_MS + 1000 * self.dice.below(LENGTH_S as usize) as i64 + HALF_MS))
            }
            _ => None,
        };
        let seconds = match self.dice.below(12) {
            0 => self.dice.pick(&[60, 300, 900, 17]),
            1 => -self.dice.pick(&[30, 120, 5]),
            _ => 0,
        };
        When { at, offset_ms: offset_ms + seconds * 1000 }
    }

    fn matrix(&mut self, depth: usize) -> Expr {
        if depth > 0 && self.n_subqueries < 2 && self.dice.percent(30) {
            return self.subquery(depth);
        }
        let metric = self.dice.pick(&METRICS);
        self.range_of(metric)
    }

    fn range_of(&mut self, metric: &str) -> Expr {
        Expr::Range(self.selector(metric), self.dice.pick(&RANGES_S))
    }

    fn subquery(&mut self, depth: usize) -> Expr {
        let is_inner = self.n_subqueries > 0;
        self.n_subqueries += 1;
        let of = self.vector(depth - 1);
        self.n_subqueries -= 1;
        let range_s = if is_inner { 180 } else { self.dice.pick(&[90, 300, 600, 1500]) };
        let step_s = match self.dice.below(4) {
            0 => None,
            _ if is_inner => Some(self.dice.pick(&[30, 60])),
            _ => Some(self.dice.pick(&[13, 30, 60, 120])),
        };
        let when = self.when(if is_inner { QUARTER_MS } else { 0 });
        Expr::Subquery(Box::new(Subquery { of, range_s, step_s, when }))
    }

    fn scalar(&mut self, depth: usize) -> Expr {
        let number = |dice: &mut Dice| Expr::Number(dice.pick(&NUMBERS).to_owned());
        if depth == 0 {
            return number(&mut self.dice);
        }
        match self.dice.below(10) {
            0..5 => number(&mut self.dice),
            5 => Expr::Call("time", Vec::new()),
            6 => Expr::Call("pi", Vec::new()),
            7 => {
                let one = self.vector(depth - 1);
                Expr::Call("scalar", vec![aggregated("max", "", one)])
            }
            8 => binary(
                self.dice.pick(&ARITHMETIC),
                String::new(),
                self.scalar(depth - 1),
                self.scalar(depth - 1),
            ),
            _ => binary(
                self.dice.pick(&COMPARISON),
                "bool".to_owned(),
                self.scalar(depth - 1),
                self.scalar(depth - 1),
            ),
        }
    }

    fn aggregate(&mut self, depth: usize) -> Expr {
        const OPS: [&str; 13] = [
            "sum",
            "sum",
            "avg",
            "min",
            "max",
            "count",
            "group",
            "stddev",
            "stdvar",
            "topk",
            "bottomk",
            "quantile",
            "count_values",
        ];
        let op = self.dice.pick(&OPS);
        let param = match op {
            "topk" | "bottomk" => Some(self.dice.pick(&["1", "2", "3", "0", "-1", "100"])),
            "quantile" => {
                Some(self.dice.pick(&["0.5", "0.9", "0", "1", "-1", "2", "NaN", "0.333"]))
            }
            _ => None,
        };
        let mut param = param.map(|text| Expr::Number(text.to_owned()));
        if op == "count_values" {
            param = Some(Expr::Text(self.dice.pick(&["value", "job", "le"]).to_owned()));
        } else if param.is_some() && self.dice.percent(8) {
            param = Some(self.scalar(1));
        }
        let of = self.vector(depth - 1);
        let grouping = self.dice.pick(&GROUPINGS).to_owned();
        Expr::Aggregate(Box::new(Aggregate { op, grouping, param, of }))
    }

    fn over_range(&mut self, depth: usize) -> Expr {
        const OVER_TIME: [&str; 13] = [
            "avg_over_time",
            "min_over_time",
            "max_over_time",
            "sum_over_time",
            "count_over_time",
            "stddev_over_time",
            "stdvar_over_time",
            "last_over_time",
            "present_over_time",
            "absent_over_time",
            "changes",
            "resets",
            "deriv",
        ];
        const OF_COUNTERS: [&str; 3] = ["rate", "increase", "irate"];
        match self.dice.below(20) {
            0..8 => {
                let metric = self.dice.pick(&COUNTERS);
                let of = self.range_of(metric);
                Expr::Call(self.dice.pick(&OF_COUNTERS), vec![of])
            }
            8 => Expr::Call("quantile_over_time", vec![self.scalar(1), self.matrix(depth - 1)]),
            9 => Expr::Call("predict_linear", vec![self.matrix(depth - 1), self.scalar(1)]),
            10 => {
                let factor = |dice: &mut Dice| {
                    Expr::Number(dice.pick(&["0.1", "0.5", "0.9", "0.3", "1"]).to_owned())
                };
                let (smoothing, trend) = (factor(&mut self.dice), factor(&mut self.dice));
                Expr::Call("holt_winters", vec![self.matrix(depth - 1), smoothing, trend])
            }
            11 => {
                let of = self.matrix(depth - 1);
                Expr::Call(
                    self.dice.pick(&["rate", "increase", "irate", "delta", "idelta"]),
                    vec![of],
                )
            }
            _ => Expr::Call(self.dice.pick(&OVER_TIME), vec![self.matrix(depth - 1)]),
        }
    }

    fn of_values(&mut self, depth: usize) -> Expr {
        const PLAIN: [&str; 37] = [
            "abs",
            "ceil",
            "floor",
            "exp",
            "ln",
            "log2",
            "log10",
            "sqrt",
            "sgn",
            "sort",
            "sort_desc",
            "timestamp",
            "acos",
            "acosh",
            "asin",
            "asinh",
            "atan",
            "atanh",
            "cos",
            "cosh",
            "sin",
            "sinh",
            "tan",
            "tanh",
            "deg",
            "rad",
            "round",
            "day_of_month",
            "day_of_week",
            "day_of_year",
            "days_in_month",
            "hour",
            "minute",
            "month",
            "year",
            "abs",
            "round",
        ];
        let is_date = |name: &str| {
            name.starts_with("day") || ["hour", "minute", "month", "year"].contains(&name)
        };
        match self.dice.below(12) {
            0 => Expr::Call("clamp", vec![self.vector(depth - 1), self.scalar(1), self.scalar(1)]),
            1 => {
                let args = vec![self.vector(depth - 1), self.scalar(1)];
                Expr::Call(self.dice.pick(&["clamp_min", "clamp_max"]), args)
            }
            2 => {
                let to = self.dice.pick(&["0.1", "5", "0.25", "1000"]).to_owned();
                Expr::Call("round", vec![self.vector(depth - 1), Expr::Number(to)])
            }
            _ => match self.dice.pick(&PLAIN) {
                // What is no date of these centuries is converted as each processor likes.
                name if is_date(name) => match self.dice.below(3) {
                    0 => Expr::Call(name, Vec::new()),
                    _ => {
                        let of = Expr::Selector(self.selector("start_time_seconds"));
                        Expr::Call(name, vec![of])
                    }
                },
                name => Expr::Call(name, vec![self.vector(depth - 1)]),
            },
        }
    }

    fn of_labels(&mut self, depth: usize) -> Expr {
        let of = self.vector(depth - 1);
        let text = |text: &str| Expr::Text(text.to_owned());
        let to = self.dice.pick(&["to", "job", "instance", "code"]);
        let from = self.dice.pick(&LABELS);
        if self.dice.percent(40) {
            let other = self.dice.pick(&LABELS);
            let between = self.dice.pick(&["-", "", "/"]);
            return Expr::Call(
                "label_join",
                vec![of, text(to), text(between), text(from), text(other)],
            );
        }
        let (replacement, pattern) = self.dice.pick(&[
            ("$1", "(.*):.*"),
            ("$1-$2", "(.)(.*)"),
            ("${first}x", "(?P<first>.).*"),
            ("", ".*"),
            ("same", ""),
            ("fixed", "no match"),
            ("$3", "(a)(.*)"),
        ]);
        let args = vec![of, text(to), text(replacement), text(from), text(pattern)];
        Expr::Call("label_replace", args)
    }

    fn quantile_of_histogram(&mut self, depth: usize) -> Expr {
        let quantile = match self.dice.below(5) {
            0 => self.scalar(1),
            _ => Expr::Number(self.dice.pick(&["0.5", "0.9", "0.99", "0", "1"]).to_owned()),
        };
        let rates = Expr::Call("rate", vec![self.range_of("latency_seconds_bucket")]);
        let of = match self.dice.below(5) {
            0 => Expr::Selector(self.selector("latency_seconds_bucket")),
            1 => rates,
            2 => aggregated("sum", "by (le)", rates),
            3 => aggregated("sum", "without (instance)", rates),
            _ => self.vector(depth - 1),
        };
        Expr::Call("histogram_quantile", vec![quantile, of])
    }

    fn with_scalar(&mut self, depth: usize) -> Expr {
        let (op, modifiers) = match self.dice.below(4) {
            0 => (self.dice.pick(&COMPARISON), "bool"),
            1 => (self.dice.pick(&COMPARISON), ""),
            _ => (self.dice.pick(&ARITHMETIC), ""),
        };
        let (vector, scalar) = (self.vector(depth - 1), self.scalar(depth - 1));
        let (left, right) = if self.dice.percent(70) { (vector, scalar) } else { (scalar, vector) };
        binary(op, modifiers.to_owned(), left, right)
    }

    /// An operator between two vectors that have partners, most of the time.
    fn related(&mut self, depth: usize) -> Expr {
        let (op, is_bool) = match self.dice.below(4) {
            0 => (self.dice.pick(&COMPARISON), self.dice.percent(50)),
            _ => (self.dice.pick(&ARITHMETIC), false),
        };
        let labels = self.dice.pick(&["job", "instance", "job, instance", "job, instance, code"]);
        let (grouping, on) = (format!("by ({labels})"), format!("on ({labels})"));
        let (left, right) = (self.vector(depth - 1), self.vector(depth - 1));
        let one = |of| aggregated("sum", &grouping, of);
        let (left, matching, right) = match self.dice.below(8) {
            0 | 1 => {
                (one(left), if self.dice.percent(50) { on } else { String::new() }, one(right))
            }
            2 => (left, format!("{on} group_left"), one(right)),
            3 => (left, format!("{on} group_left (sensor, version)"), one(right)),
            4 => (one(left), format!("{on} group_right"), right),
            5 => {
                let info = Expr::Selector(self.selector("build_info"));
                (left, "on (job, instance) group_left (version)".to_owned(), info)
            }
            6 => (left.clone(), self.matching(), left),
            _ => (left, self.matching(), right),
        };
        let bool = if is_bool { "bool " } else { "" };
        binary(op, format!("{bool}{matching}"), left, right)
    }

    fn matching(&mut self) -> String {
        self.dice.pick(&["", "ignoring (code)", "on (instance, job)", "ignoring ()"]).to_owned()
    }

    fn set(&mut self, depth: usize) -> Expr {
        let op = self.dice.pick(&["and", "or", "unless"]);
        let matching =
            self.dice.pick(&["", "", "on (instance)", "on (job)", "ignoring (code, le)", "on ()"]);
        binary(op, matching.to_owned(), self.vector(depth - 1), self.vector(depth - 1))
    }
}

fn binary(op: &'static str, modifiers: String, left: Expr, right: Expr) -> Expr {
    Expr::Binary(Box::new(Binary { op, modifiers, left, right }))
}

fn aggregated(op: &'static str, grouping: &str, of: Expr) -> Expr {
    Expr::Aggregate(Box::new(Aggregate { op, grouping: grouping.to_owned(), param: None, of }))
}
