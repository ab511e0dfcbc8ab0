//! The bytes of every tag and form, as they are for ever: what an older version wrote is read, and
//! what is written does not change by accident.

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|digit| !digit.is_whitespace()).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[track_caller]
fn check_bits(column: &[u64], golden: &str) {
    let golden = from_hex(golden);
    let (bytes, _) = encode_values(column, Hint::default());
    assert_eq!(hex(&bytes), hex(&golden));
    let mut decoded = Vec::new();
    values::decode(&golden, column.len(), &mut decoded).unwrap();
    assert_eq!(decoded, column);
}

#[track_caller]
fn check(column: &[f64], golden: &str) {
    check_bits(&bits(column), golden);
}

#[track_caller]
fn check_time(column: &[i64], golden: &str) {
    let golden = from_hex(golden);
    let mut bytes = Vec::new();
    times::encode(column, &mut bytes);
    assert_eq!(hex(&bytes), hex(&golden));
    let mut decoded = Vec::new();
    times::decode(&golden, column.len(), &mut decoded).unwrap();
    assert_eq!(decoded, column);
}

#[track_caller]
fn check_start(column: &[i64], times: &[i64], golden: &str) {
    let golden = from_hex(golden);
    let mut bytes = Vec::new();
    starts::encode(column, times, &mut bytes);
    assert_eq!(hex(&bytes), hex(&golden));
    let mut decoded = Vec::new();
    starts::decode(&golden, times, &mut decoded).unwrap();
    assert_eq!(decoded, column);
}

#[test]
fn empty() {
    check(&[], "");
    check_time(&[], "");
}

#[test]
fn raw() {
    check_bits(
        &[0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210],
        "00efcdab89674523011032547698badcfe",
    );
}

#[test]
fn constant() {
    check(&[0.0; 3], "10");
    check(&[1.0; 3], "123ff0");
    check(&[21.37; 3], "1840355eb851eb851f");
    check_bits(&[STALE], "187ff0000000000002");
}

#[test]
fn xor() {
    let [a, b, c] = [0.123_456_789_012_345_67, 1_234.567_890_123_456_7, 1_234.567_890_200_000_1];
    check(
        &[a, a, b, b, b, c, b, b, b, a, a, a, a, a, a, a, a, a, a, b],
        "015ef64637dd9abf3f0efcc0fcdd594c68963f9fd7a7e77f9f9eff1cf881f9bbb398d02c7f0005e6efce6242b3fc01",
    );
}

#[test]
fn bits_as_integers() {
    let thirds: Vec<f64> = (0..13).map(|i| f64::from(3001 + i * 7 % 11) / 3.0).collect();
    check(
        &thirds,
        "02002dd6aad5aad5aaa18f8101000000000040555555555502000000002055555555550d0000000000abaaaaaaaa0a0000000000aeaaaaaaaa6aaaaaaaaaaaa2aaaaaaaaaaaaaaaaaaaa2a0000000000a0aaaaaaaa2a01",
    );
}

#[test]
fn decimal_level() {
    check(
        &[21.5, 21.3, 22.0, 21.1, 21.5, 22.2, 21.0, 21.8, 21.2, 21.9, 21.4, 21.6],
        "210004a403351ac5809264",
    );
}

#[test]
fn decimal_level_with_factor() {
    check(
        &[8192.0, 40960.0, 4096.0, 20480.0, 12288.0, 4096.0, 32768.0, 16384.0],
        "2008048040802091400237",
    );
}

#[test]
fn decimal_steps() {
    check(
        &[1000.0, 1007.0, 1012.0, 1013.0, 1020.0, 1024.0, 1029.0, 1033.0, 1040.0],
        "200103d00f02263cce",
    );
}

#[test]
fn decimal_steps_patched_upwards() {
    let counts: Vec<f64> = (0..40).map(|i| f64::from(i + i % 2 + i / 30 * 1000)).collect();
    check(&counts, "201901000002555555555508011dfa");
}

#[test]
fn decimal_steps_patched_downwards() {
    // A counter that is reset.
    let counts: Vec<f64> = (0..40).map(|i| f64::from((700 + i * 5 + i * i % 7) % 800)).collect();
    check(&counts, "201103f80a04745688ce0ad159213a2b446785e80c8801139c");
}

#[test]
fn decimal_bends() {
    let squares: Vec<f64> = (0..20).map(|i| f64::from(i * i + i / 7)).collect();
    check(&squares, "2002020002025549555205");
}

#[test]
fn decimal_with_exceptions() {
    let mut column = bits(&[0.1, 0.2, 0.3, 0.3, 0.5, 0.4, 0.6, 0.2]);
    column[3] = STALE;
    column[6] = (-0.0_f64).to_bits();
    check_bits(&column, "410233020000000000f07f000000000000008000030288c42d");
}

#[test]
fn decimal_with_the_most_digits() {
    check(&[15e-22, 25e-22, 105e-22, 7e-22], "3608060e02441203");
}

#[test]
fn sub_blocks() {
    let mut column = vec![1.0; 1024];
    column.extend([2.0; 2]);
    check(&column, "03123ff01140");
}

/// The coder may write other bytes in a later version; these are read for ever.
#[test]
fn long_column() {
    const CODED: &str =
        "d00f0370636f2103000a13010401044b040010010180000000000000004000000000000000008000";
    let counts = (0..1100).map(|i| f64::from(1000 + 3 * i) / 100.0);
    let mut column: Vec<u64> = counts.map(f64::to_bits).collect();
    let check = |column: &[u64], golden: &str| {
        let mut decoded = Vec::new();
        values::decode(&from_hex(golden), column.len(), &mut decoded).unwrap();
        assert_eq!(decoded, column);
    };
    check(&column, &format!("0062{CODED}"));
    column[5] = STALE;
    check(&column, &format!("0082010500020000000000f07f{CODED}"));
}

/// Steps of 0 to 2, most of them 0; in the second column one is far off.
fn coded_walk(spike: i64) -> Vec<f64> {
    let step = |i: i64| [0, 0, 0, 1, 0, 2, 0, 0][((i * 2_654_435_761) >> 20) as usize % 8];
    let steps = (0..259).map(|i| if i == 100 { step(i) + spike } else { step(i) });
    let sums = steps.scan(1000, |at, step| {
        *at += step;
        Some(*at as f64)
    });
    std::iter::once(1000.0).chain(sums).collect()
}

#[test]
fn decimal_steps_coded() {
    check(
        &coded_walk(0),
        "202100d00f2f9886bf1f6e1453c1e1f25165d3894478b01f4e69f0d0250f3691fd587cc2f6e0f23a26a9c6d18ba4633400",
    );
}

#[test]
fn decimal_steps_coded_and_patched() {
    check(
        &coded_walk(1 << 40),
        "203100d00f2f290164001800000000019886bf1f6e1453c1e1f25165d3894478b01f4e69f0d0250f3691fd587cc2f6e0f23a26a9c6d18ba4633400",
    );
}

#[test]
fn times_at_one_step() {
    let regular: Vec<i64> = (0..100).map(|i| 1_767_225_600_000 + 15_000 * i).collect();
    check_time(&regular, "090080a0d5edee66029875");
    check_time(&[1_767_225_600_000], "000080a0d5edee66");
    check_time(&[i64::MIN, i64::MAX], "0001feffffffffffffffff0101");
}

#[test]
fn times_along_a_line() {
    let jitter = [0, 2, 3, -1, -3, 1, 2, -2, 0, 3, -3, 1, 0, -1, 2, -2];
    let time = |(i, jitter): (i64, &i64)| 1_767_225_600_000 + 15_000 * i + jitter;
    check_time(
        &(0..).zip(&jitter).map(time).collect::<Vec<_>>(),
        "0303fa9fd5edee66b0ea01ab0536333835",
    );
    let time = |(i, jitter): (i64, &i64)| 1_767_225_600_000 + 15_000 * i + i / 3 + jitter;
    check_time(
        &(0..).zip(&jitter.repeat(3)).map(time).collect::<Vec<_>>(),
        "0403fa9fd5edee66becbc2a907ab073a3b4855eb8536343a39b3955674ba39",
    );
}

#[test]
fn starts_of_each_tag() {
    let times: Vec<i64> = (1..=6).map(|i| 1_767_225_600_000 + 15_000 * i).collect();
    check_start(&[0; 6], &times, "00");
    check_start(&[1_767_000_000_000; 6], &times, "018098c296ed66");
    let reset = [1_000, 1_000, 1_000, 9_000, 9_000, 9_000];
    check_start(&reset, &times, "020801d00fc03e38");
    let before: Vec<i64> = times.iter().map(|time| time - 15_000).collect();
    check_start(&before, &times, "030801afea0198753e");
}
