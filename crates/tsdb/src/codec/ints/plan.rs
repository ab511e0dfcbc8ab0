//! Plan: which form makes a column of integers smallest, and the writing of it.

use super::fit::{self, Fit};
use super::{
    Form, HAS_CODE, HAS_FACTOR, HAS_PATCHES, HIGHS_SIGNED, SLOPE_BITS, coded, factor, line, spread,
};
use crate::codec::ans::{self, Frequencies};
use crate::codec::cursor::{put_signed, put_varint, signed_len, varint_len};
use crate::codec::exceptions::put_positions;
use crate::codec::pack::{pack, width_of};

/// Memory that columns share while they are encoded.
#[derive(Default)]
pub(in crate::codec) struct Scratch {
    scaled: Vec<i64>,
    pub(super) residuals: Vec<i64>,
    pub(super) patches: Vec<u32>,
    pub(super) highs: Vec<i64>,
    pub(super) symbols: Vec<u8>,
}

/// How a column will be written.
#[derive(Debug, Clone, Copy)]
pub(in crate::codec) struct Plan {
    form: Form,
    /// What [`Scratch::scaled`] counts from, and in which unit.
    origin: i64,
    factor: i64,
    /// Bends: the first step. Lines: the slope.
    slope: i64,
    fit: Fit,
    /// How the bits above the packed width are coded, if they are.
    code: Option<Frequencies>,
    n_bytes: usize,
}

/// Finds the cheapest form of a column, at least one number, and leaves it in the scratch memory.
pub(in crate::codec) fn plan(column: &[i64], scratch: &mut Scratch) -> Plan {
    let plan = rough_plan(column, &[Form::Steps, Form::Bends], scratch);
    residuals(&plan, &scratch.scaled, &mut scratch.residuals);
    plan.refined(scratch)
}

/// The same for columns whose steps are noise, as bits of doubles are.
pub(in crate::codec) fn plan_of_noise(column: &[i64], scratch: &mut Scratch) -> Plan {
    let plan = rough_plan(column, &[Form::Steps], scratch);
    residuals(&plan, &scratch.scaled, &mut scratch.residuals);
    plan.refined(scratch)
}

/// The same with lines as well, for columns that may follow one, as times do.
pub(in crate::codec) fn plan_with_lines(column: &[i64], scratch: &mut Scratch) -> Plan {
    let mut plan = rough_plan(column, &[Form::Steps, Form::Bends], scratch);
    let factor = plan.factor;
    if let Some(slope) = fit::slope(column, SLOPE_BITS) {
        let whole = slope.wrapping_add(1 << (SLOPE_BITS - 1)) >> SLOPE_BITS;
        for (form, slope) in [(Form::Line, whole), (Form::FineLine, slope)] {
            // A line has no factor: it runs through the numbers as they are.
            let line = Plan::new(form, column[0], 1, slope);
            let rises = scratch.scaled.iter().map(|number| number.wrapping_mul(factor));
            residuals_of_line(&line, rises, &mut scratch.residuals);
            plan = plan.cheaper(line.with(Fit::from_lowest(&scratch.residuals)));
        }
    }
    if matches!(plan.form, Form::Line | Form::FineLine) {
        scratch.scaled.iter_mut().for_each(|number| *number = number.wrapping_mul(factor));
    }
    residuals(&plan, &scratch.scaled, &mut scratch.residuals);
    plan.refined(scratch)
}

fn rough_plan(column: &[i64], others: &[Form], scratch: &mut Scratch) -> Plan {
    let factor = factor::take_out(column, &mut scratch.scaled);
    let hopeful = spread::hopeful_forms(&scratch.scaled);
    let level = Plan::new(Form::Level, column[0], factor, 0);
    let has_level = hopeful.contains(&Form::Level);
    let mut plan = has_level.then(|| level.with(Fit::from_lowest(&scratch.scaled)));
    for form in others.iter().filter(|form| hopeful.contains(form)) {
        let first_step = scratch.scaled.get(1).copied().unwrap_or(0);
        let other = Plan::new(*form, column[0], factor, first_step);
        residuals(&other, &scratch.scaled, &mut scratch.residuals);
        let other = other.with(Fit::from_lowest(&scratch.residuals));
        plan = Some(plan.map_or(other, |plan| plan.cheaper(other)));
    }
    // One form is always hopeful, but it need not be among those that were asked for.
    plan.unwrap_or_else(|| level.with(Fit::from_lowest(&scratch.scaled)))
}

impl Plan {
    fn new(form: Form, origin: i64, factor: i64, slope: i64) -> Self {
        let fit = Fit { base: 0, width: 0, n_bits: 0 };
        Self { form, origin, factor, slope, fit, code: None, n_bytes: 0 }
    }

    fn with(mut self, fit: Fit) -> Self {
        self.fit = fit;
        let numbers: usize = self.numbers().flatten().map(signed_len).sum();
        let factor = if self.factor == 1 { 0 } else { varint_len(self.factor as u64) };
        self.n_bytes = 2 + numbers + factor + fit.n_bits.div_ceil(8);
        self
    }

    /// The residuals must be its own.
    fn refined(self, scratch: &Scratch) -> Self {
        let mut plan = self.with(self.fit.or_around_middle(&scratch.residuals));
        if let Some((fit, frequencies)) = coded::fit(plan.fit, &scratch.residuals) {
            plan = plan.with(fit);
            plan.code = Some(frequencies);
        }
        plan
    }

    /// About how many bytes it takes.
    pub(in crate::codec) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    fn cheaper(self, other: Self) -> Self {
        if other.n_bytes < self.n_bytes { other } else { self }
    }

    /// What stands before the packed numbers: the first number, the slope, the base.
    fn numbers(&self) -> impl Iterator<Item = Option<i64>> {
        let base = self.fit.base;
        let lowest = self.origin.wrapping_add(base.wrapping_mul(self.factor));
        let numbers = match self.form {
            Form::Level => [Some(lowest), None, None],
            Form::Steps => [Some(self.origin), None, Some(base)],
            Form::Bends => [Some(self.origin), Some(self.slope), Some(base)],
            Form::Line | Form::FineLine => [Some(lowest), Some(self.slope), None],
        };
        numbers.into_iter()
    }

    /// Appends the column that was planned last with this scratch memory.
    pub(in crate::codec) fn write(&self, scratch: &mut Scratch, out: &mut Vec<u8>) {
        let Fit { base, width, .. } = self.fit;
        match &self.code {
            Some(frequencies) => coded::split(frequencies, self.fit, scratch),
            None => find_patches(scratch, base, width),
        }
        let has_factor = self.factor != 1;
        let has_patches = !scratch.patches.is_empty();
        let factor_flag = if has_factor { HAS_FACTOR } else { 0 };
        let patches_flag = if has_patches { HAS_PATCHES } else { 0 };
        let code_flag = if self.code.is_some() { HAS_CODE } else { 0 };
        out.push(self.form as u8 | factor_flag | patches_flag | code_flag);
        out.push(width as u8);
        self.numbers().flatten().for_each(|number| put_signed(out, number));
        if has_factor {
            put_varint(out, self.factor as u64);
        }
        let distances = scratch.residuals.iter().map(|number| number.wrapping_sub(base) as u64);
        pack(distances, width, out);
        if has_patches {
            put_patches(scratch, out);
        }
        if let Some(frequencies) = &self.code {
            ans::encode(frequencies, &scratch.symbols, out);
        }
    }
}

/// Collects where a distance is wider than `width`, and its bits above.
fn find_patches(scratch: &mut Scratch, base: i64, width: u32) {
    scratch.patches.clear();
    scratch.highs.clear();
    for (i, number) in scratch.residuals.iter().enumerate() {
        let high = number.wrapping_sub(base).checked_shr(width).unwrap_or(0);
        if high != 0 {
            scratch.patches.push(i as u32);
            scratch.highs.push(high);
        }
    }
}

/// Bits above are written with a sign if one has it.
fn put_patches(scratch: &Scratch, out: &mut Vec<u8>) {
    let is_signed = scratch.highs.iter().any(|high| *high < 0);
    let folded = scratch.highs.iter().fold(0, |all, high| all | high ^ high >> 63);
    let high_width = width_of(folded as u64) + u32::from(is_signed);
    let sign = if is_signed { HIGHS_SIGNED } else { 0 };
    out.push(high_width as u8 | sign);
    put_positions(&scratch.patches, scratch.residuals.len(), out);
    pack(scratch.highs.iter().map(|high| *high as u64), high_width, out);
}

/// What is left of a scaled column when its form is taken away.
fn residuals(plan: &Plan, scaled: &[i64], out: &mut Vec<i64>) {
    out.clear();
    match plan.form {
        Form::Level => out.extend_from_slice(scaled),
        Form::Steps => out.extend(steps(scaled)),
        Form::Bends => {
            let before = steps(scaled);
            out.extend(before.clone().skip(1).zip(before).map(|(b, a)| b.wrapping_sub(a)));
        }
        Form::Line | Form::FineLine => {
            residuals_of_line(plan, scaled.iter().copied(), out);
        }
    }
}

fn steps(numbers: &[i64]) -> impl Iterator<Item = i64> + Clone {
    numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]))
}

fn residuals_of_line(plan: &Plan, numbers: impl Iterator<Item = i64>, out: &mut Vec<i64>) {
    let heights = line(plan.form, plan.slope);
    out.clear();
    out.extend(numbers.zip(heights).map(|(number, height)| number.wrapping_sub(height)));
}
