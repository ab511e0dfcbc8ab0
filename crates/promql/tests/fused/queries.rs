//! Random queries: every function, operator, aggregation and modifier, some of it nested.

use promql::{FUNCTIONS, ValueType};

use crate::random::Random;

const SELECTORS: [&str; 13] = [
    "a_total",
    "a_total",
    "a_total",
    "b_bucket",
    "g",
    "h",
    "m",
    "{__name__=~\"..*\"}",
    "{__name__=~\"a.*|g\"}",
    "g{x=\"1\"}",
    "a_total{y=\"\"}",
    "m{x!=\"2\"}",
    "none",
];
const RANGES: [&str; 8] = ["15s", "30s", "1m", "2m", "5m", "7m", "1001ms", "20m"];
const GROUPINGS: [&str; 10] = [
    "",
    "",
    " by ()",
    " by (x)",
    " by (x, y)",
    " by (__name__)",
    " by (le)",
    " without (x)",
    " without (y, __name__)",
    " without ()",
];
const FOLDS: [&str; 8] = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];
const OPERATORS: [&str; 13] =
    ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">="];

/// A query that parses.
pub(crate) fn query(random: &mut Random) -> String {
    if random.once_in(40) { scalar(random, 2) } else { vector(random, 3) }
}

fn vector(random: &mut Random, depth: u64) -> String {
    if depth == 0 {
        return leaf(random);
    }
    match random.below(20) {
        0..=3 => leaf(random),
        4..=6 => over_range(random, depth),
        7..=12 => aggregation(random, depth),
        13 => with_scalar(random, depth),
        14 => between(random, depth),
        15 | 16 => call(random, depth),
        17 => format!("-{}", vector(random, depth - 1)),
        18 if random.once_in(2) => format!("({})", vector(random, depth - 1)),
        // Which comes first tells the order of rows.
        18 => format!("limitk ({}, {})", 1 + random.below(2), aggregation(random, 1)),
        _ => format!(
            "histogram_quantile({}, {})",
            scalar(random, 1),
            random.of(&[
                "b_bucket",
                "sum by (le) (rate(b_bucket[2m]))",
                "sum by (le, x) (increase(b_bucket[5m]))",
                "sum by (le) (b_bucket)",
                "h",
            ])
        ),
    }
}

fn leaf(random: &mut Random) -> String {
    format!("{}{}", random.of(&SELECTORS), modifiers(random))
}

fn modifiers(random: &mut Random) -> &'static str {
    if !random.once_in(4) {
        return "";
    }
    random.of(&[
        " offset 1m",
        " offset -90s",
        " @ 600",
        " @ end()",
        " @ start() offset 17s",
        " offset 5m",
        " @ 0",
    ])
}

fn over_range(random: &mut Random, depth: u64) -> String {
    let takes_range = |f: &&&promql::Function| f.args.contains(&ValueType::Matrix);
    let all: Vec<&promql::Function> = FUNCTIONS.iter().collect();
    let functions: Vec<&promql::Function> = all.iter().filter(takes_range).copied().collect();
    // Those that matter most come most often.
    let function = match random.below(3) {
        0 => promql::function(random.of(&["rate", "increase", "delta", "irate"])).unwrap(),
        _ => random.of(&functions),
    };
    let range = match random.below(12) {
        0 => format!("{}[{}:{}]", vector(random, depth - 1), random.of(&RANGES), "40s"),
        1 => format!("{}[{}] {}", random.of(&SELECTORS), random.of(&RANGES), "anchored"),
        2 => format!("({}[{}])", random.of(&SELECTORS), random.of(&RANGES)),
        3 => format!("{}[{}] smoothed", random.of(&SELECTORS), random.of(&RANGES)),
        _ => {
            format!("{}[{}]{}", random.of(&SELECTORS), random.of(&RANGES), modifiers(random))
        }
    };
    let args = function.args.iter().map(|arg| match arg {
        ValueType::Matrix => range.clone(),
        _ => scalar(random, 1),
    });
    let args: Vec<String> = args.collect();
    format!("{}({})", function.name, args.join(", "))
}

fn aggregation(random: &mut Random, depth: u64) -> String {
    let grouping = random.of(&GROUPINGS);
    let of = match random.below(3) {
        0 => over_range(random, depth),
        1 => leaf(random),
        _ => vector(random, depth - 1),
    };
    match random.below(12) {
        0 => format!("quantile{grouping} ({}, {of})", scalar(random, 1)),
        1 => {
            let op = random.of(&["topk", "bottomk", "limitk"]);
            format!("{op}{grouping} ({}, {of})", random.below(4))
        }
        2 if random.once_in(2) => format!("count_values{grouping} (\"v\", {of})"),
        2 => format!("limit_ratio{grouping} (0.5, {of})"),
        _ => format!("{}{grouping} ({of})", random.of(&FOLDS)),
    }
}

fn with_scalar(random: &mut Random, depth: u64) -> String {
    let operator = random.of(&OPERATORS);
    let is_comparison = matches!(operator, "==" | "!=" | "<" | "<=" | ">" | ">=");
    let bool = if is_comparison && random.once_in(2) { " bool" } else { "" };
    let (vector, scalar) = (vector(random, depth - 1), scalar(random, depth - 1));
    match random.once_in(2) {
        true => format!("{vector} {operator}{bool} {scalar}"),
        false => format!("{scalar} {operator}{bool} {vector}"),
    }
}

fn between(random: &mut Random, depth: u64) -> String {
    let (mut lhs, mut rhs) = (vector(random, depth - 1), vector(random, depth - 1));
    if random.once_in(2) {
        // Series that meet for certain, wherever both have values.
        let selector = random.of(&SELECTORS);
        (lhs, rhs) = (selector.to_owned(), format!("rate({selector}[{}])", random.of(&RANGES)));
        if random.once_in(2) {
            return format!("limitk (1, ({lhs}) {} ({rhs}))", random.of(&OPERATORS));
        }
    }
    if random.once_in(4) {
        return format!("({lhs}) {} ({rhs})", random.of(&["and", "or", "unless"]));
    }
    let matching = random.of(&[
        "",
        " on (x)",
        " ignoring (y)",
        " on (x, y)",
        " on (x) group_left",
        " on (x) group_right (y)",
        " ignoring (le) group_left",
        " on ()",
    ]);
    format!("({lhs}) {}{matching} ({rhs})", random.of(&OPERATORS))
}

fn call(random: &mut Random, depth: u64) -> String {
    let inner = vector(random, depth - 1);
    let one = random.of(&[
        "abs",
        "ceil",
        "exp",
        "floor",
        "ln",
        "sgn",
        "sqrt",
        "sin",
        "deg",
        "round",
        "sort",
        "sort_desc",
        "absent",
        "timestamp",
        "day_of_month",
        "histogram_count",
        "histogram_sum",
    ]);
    match random.below(10) {
        0 => format!("clamp({inner}, {}, {})", scalar(random, 1), scalar(random, 1)),
        1 => format!("clamp_min({inner}, {})", scalar(random, 1)),
        2 => format!("clamp_max({inner}, {})", scalar(random, 1)),
        3 => format!("round({inner}, {})", scalar(random, 1)),
        4 => format!("label_replace({inner}, \"z\", \"$1\", \"x\", \"(.*)\")"),
        5 => format!("vector({})", scalar(random, depth)),
        6 => totals(random),
        7 => format!("({inner}) {} {}", random.of(&["</", ">/"]), scalar(random, 1)),
        _ => format!("{one}({inner})"),
    }
}

/// What is asked of histograms that are read without their buckets.
fn totals(random: &mut Random) -> String {
    let total = random.of(&["histogram_count", "histogram_sum", "histogram_avg"]);
    let selector = random.of(&["h", "m", "{__name__=~\"..*\"}"]);
    let range = format!("{selector}[{}]{}", random.of(&RANGES), modifiers(random));
    let of = match random.below(5) {
        0 => format!("{selector}{}", modifiers(random)),
        1 => format!("sum_over_time({range})"),
        2 => format!("rate({range})"),
        3 => format!("{selector} + {selector} offset 1m"),
        _ => format!("last_over_time({range}) >/ 1"),
    };
    format!("{total}({}{} ({of}))", random.of(&["sum", "avg"]), random.of(&GROUPINGS))
}

fn scalar(random: &mut Random, depth: u64) -> String {
    let number = random.of(&["0", "1", "0.5", "0.9", "-1", "2", "100", "NaN", "Inf", "0.99"]);
    match random.below(12) {
        0 if depth > 0 => format!("scalar({})", vector(random, depth - 1)),
        1 => "time()".to_owned(),
        2 if depth > 0 => format!("({} * {number})", scalar(random, depth - 1)),
        _ => number.to_owned(),
    }
}
