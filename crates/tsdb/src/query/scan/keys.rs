//! Keys: the numbers by which a reader knows what is wanted of a series' labels.

use std::ops::ControlFlow;

use hashbrown::HashMap;
use model::Labels;
use storage::{SeriesVisitor, WantedLabels};

/// See the head of this file.
pub(super) struct Keys<'s> {
    wanted: &'s WantedLabels,
    /// The hash needs no secret: labels are numbered as they come.
    numbers: HashMap<Box<[u32]>, usize, foldhash::fast::FixedState>,
    /// Of the key without labels. To look for it among the others would compare nothing with
    /// nothing, which is slow, see [`model::ValueTest`].
    number_of_none: Option<usize>,
    /// By label, whether it is wanted, once that is known.
    is_wanted: Vec<Option<bool>>,
    n: usize,
    /// Of one series, the labels that are wanted.
    key: Vec<u32>,
}

impl<'s> Keys<'s> {
    /// None yet.
    pub(super) fn new(wanted: &'s WantedLabels) -> Self {
        Self {
            wanted,
            numbers: HashMap::default(),
            number_of_none: None,
            is_wanted: Vec::new(),
            n: 0,
            key: Vec::new(),
        }
    }

    /// The number of the key of a series with these labels, shown if it is new, or that the visitor
    /// ends the scan; `None` if a label cannot be read.
    pub(super) fn number(
        &mut self,
        labels: &[u32],
        mut text: impl FnMut(u32) -> Option<(String, String)>,
        visitor: &mut dyn SeriesVisitor,
    ) -> Option<ControlFlow<(), usize>> {
        let is_all = *self.wanted == WantedLabels::All;
        self.key.clear();
        for label in labels {
            if is_all || self.wants(*label, &mut text)? {
                self.key.push(*label);
            }
        }
        if !is_all && let Some(number) = self.known() {
            return Some(ControlFlow::Continue(number));
        }
        let pairs: Vec<(String, String)> =
            self.key.iter().map(|l| text(*l)).collect::<Option<_>>()?;
        let key = Labels::new(pairs).ok()?;
        if self.key.is_empty() {
            self.number_of_none = Some(self.n);
        } else if !is_all {
            self.numbers.insert(self.key.as_slice().into(), self.n);
        }
        self.n += 1;
        Some(match visitor.key(key) {
            ControlFlow::Continue(()) => ControlFlow::Continue(self.n - 1),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        })
    }

    /// The number of a key that came before.
    fn known(&self) -> Option<usize> {
        match self.key.as_slice() {
            [] => self.number_of_none,
            key => self.numbers.get(key).copied(),
        }
    }

    fn wants(
        &mut self,
        label: u32,
        text: &mut impl FnMut(u32) -> Option<(String, String)>,
    ) -> Option<bool> {
        if matches!(self.wanted, WantedLabels::Only(names) if names.is_empty()) {
            return Some(false);
        }
        let at = label as usize;
        if self.is_wanted.len() <= at {
            self.is_wanted.resize(at + 1, None);
        }
        if self.is_wanted[at].is_none() {
            let (name, _) = text(label)?;
            self.is_wanted[at] = Some(self.wanted.has(&name));
        }
        self.is_wanted[at]
    }
}
