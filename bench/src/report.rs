//! Report: rows of a Markdown table, printed as soon as they are known.

use std::io::Write as _;

/// Rows so far, counted.
pub(crate) struct Report {
    n_held: usize,
    n_limits: usize,
    notes: Vec<String>,
}

/// One figure.
pub(crate) struct Row {
    what: String,
    figure: String,
    limit: String,
    held: Option<bool>,
    beside: String,
}

impl Row {
    /// A figure that stands alone.
    pub(crate) fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            figure: figure.into(),
            limit: String::new(),
            held: None,
            beside: String::new(),
        }
    }

    /// The limit of this figure, and whether the figure holds it.
    pub(crate) fn limit(mut self, limit: impl Into<String>, held: bool) -> Self {
        self.limit = limit.into();
        self.held = Some(held);
        self
    }

    /// The same where the figure or what it is held against may be missing.
    pub(crate) fn limit_if_known(mut self, limit: impl Into<String>, held: Option<bool>) -> Self {
        self.limit = limit.into();
        self.held = held;
        self
    }

    /// What explains the figure: a peer's in the same run, or what the machine itself needs.
    pub(crate) fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }
}

impl Report {
    pub(crate) fn begin() -> Self {
        say("| what | figure | limit | held | beside it |");
        say("| --- | --- | --- | --- | --- |");
        Self { n_held: 0, n_limits: 0, notes: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.n_limits += usize::from(row.held.is_some());
        self.n_held += usize::from(row.held == Some(true));
        let held = match row.held {
            Some(true) => "yes",
            Some(false) => "**NO**",
            None => "",
        };
        let Row { what, figure, limit, beside, .. } = row;
        say(&format!("| {what} | {figure} | {limit} | {held} | {beside} |"));
    }

    /// Keeps what is to be said below the table, and tells it at once.
    pub(crate) fn explain(&mut self, note: String) {
        complain(&note);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says whether all limits were held.
    pub(crate) fn end(self) -> bool {
        if !self.notes.is_empty() {
            say("");
        }
        for note in &self.notes {
            say(&format!("- {note}"));
        }
        say(&format!("\n{} of {} limits held.", self.n_held, self.n_limits));
        self.n_held == self.n_limits
    }
}

fn say(line: &str) {
    // A reader that went away is no reason to stop: the exit code still tells.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Tells a person what goes on, beside the table.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
