//! One example of each form, byte by byte: what a file holds today, it holds for ever.

use super::*;

#[rustfmt::skip]
const LAYOUT: &[u8] = &[
    0x03,                   // schema 3
    3, 0x12, 0x37, 0xf0,    // zero threshold 2^-128, a constant of two bytes
    2,                      // two positive spans
        3, 2,               // from -2 on, two buckets
        2, 1,               // one index further, one bucket
    1,                      // one negative span
        0, 1,               // at 0, one bucket
    0,                      // no custom bounds
];

fn golden() -> Vec<Histogram> {
    let layout = Arc::new(BucketLayout {
        schema: 3,
        zero_threshold: 2_f64.powi(-128),
        positive_spans: vec![
            BucketSpan { offset: -2, length: 2 },
            BucketSpan { offset: 1, length: 1 },
        ],
        negative_spans: vec![BucketSpan { offset: 0, length: 1 }],
        custom_bounds: Vec::new(),
    });
    let one = |sum, step: f64| Histogram {
        reset_hint: ResetHint::NotReset,
        layout: Arc::clone(&layout),
        count: 9.0 + 4.0 * step,
        sum,
        zero_count: 1.0,
        positive: vec![1.0 + step, 5.0 + step, step],
        negative: vec![2.0 + step],
    };
    vec![
        Histogram { reset_hint: ResetHint::Reset, ..one(1.5, 0.0) },
        one(2.5, 1.0),
        Histogram::stale_marker(),
    ]
}

#[test]
fn a_run() {
    #[rustfmt::skip]
    let columns: &[u8] = &[
        1 << 2 | 1, 1 << 2 | 2, 1 << 2,             // hints: one reset, one not reset, one unknown
        16, 0x41, 1, 2, 2, 0, 0, 0, 0, 0, 0xf0, 0x7f, // sums: the third is a stale marker, the others
            0x08, 1, 30, 10, 0b110,                 // decimals of one digit, 15 and 10 more
        3, 0x12, 0x3f, 0xf0,                        // zero counts: always 1
        5, 0x20, 0, 1, 2, 0b110,                    // first bucket: 1, and 1 more from then on
        5, 0x20, 0, 1, 10, 0b110,                   // second bucket
        5, 0x20, 0, 1, 0, 0b110,                    // third bucket
        5, 0x20, 0, 1, 4, 0b110,                    // the bucket below 0
    ];
    let bytes = encoded(&golden());
    assert_eq!(bytes, [&[COUNT_LEFT_OUT, LAYOUT.len() as u8][..], LAYOUT, columns].concat());
    assert_same(&decoded(&bytes, 3), &golden());
}

#[test]
fn a_single_one_with_whole_counts() {
    let mut bytes = Vec::new();
    encode_one(&golden()[1], &mut bytes);
    #[rustfmt::skip]
    let numbers: &[u8] = &[
        0b0110,                         // whole counts, not reset
        0, 0, 0, 0, 0, 0, 0x04, 0x40,   // the sum 2.5
        13, 1,                          // count, zero count
        4, 8, 9, 4,                     // 2, +4, -5, then +2 below 0
    ];
    assert_eq!(bytes, [&[LAYOUT.len() as u8][..], LAYOUT, numbers].concat());
    assert_same(&[decode_one(&bytes).unwrap()], &golden()[1..2]);
}

#[test]
fn a_single_one_with_fractions() {
    let layout = Arc::new(BucketLayout {
        schema: SCHEMA_CUSTOM,
        positive_spans: vec![BucketSpan { offset: 1, length: 1 }],
        custom_bounds: vec![0.5, 1.0],
        ..BucketLayout::default()
    });
    let mut histogram = whole(&layout, &[0.5]);
    histogram.reset_hint = ResetHint::Gauge;
    let mut bytes = Vec::new();
    encode_one(&histogram, &mut bytes);
    #[rustfmt::skip]
    let expected: &[u8] = &[
        15,
            0xcb,                           // custom bounds
            1, 0x10,                        // zero threshold 0
            1, 2, 1,                        // one positive span from 1 on, one bucket
            0,                              // no negative spans
            2, 6, 0x21, 8, 1, 10, 5, 0b10,  // two bounds, decimals of one digit: 5 and 5 more
        0b0011,                             // fractions, gauge
            0, 0, 0, 0, 0, 0, 0, 0,         // the sum 0
            0, 0, 0, 0, 0, 0, 0xe0, 0x3f,   // count 0.5
            0, 0, 0, 0, 0, 0, 0, 0,         // zero count 0
            0, 0, 0, 0, 0, 0, 0xe0, 0x3f,   // its one bucket
    ];
    assert_eq!(bytes, expected);
    assert_same(&[decode_one(&bytes).unwrap()], &[histogram]);
}

#[test]
fn a_stale_marker() {
    let mut bytes = Vec::new();
    encode_one(&golden()[2], &mut bytes);
    assert_eq!(bytes, [0, 0b1000]);
    assert!(decode_one(&bytes).unwrap().same_bits(&Histogram::stale_marker()));
}
