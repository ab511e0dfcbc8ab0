//! udev's notes on a block device, which udev keeps below /run/udev/data.

use std::path::Path;

use crate::roots;

/// The properties of one device, as udev wrote them: `E:ID_MODEL=...` lines among others.
#[derive(Default)]
pub(super) struct Properties {
    text: String,
}

impl Properties {
    /// What udev knows of a block device; nothing on a host without udev.
    pub(super) fn of_block_device(root: &Path, major: &str, minor: &str) -> Self {
        let path = root.join(format!("run/udev/data/b{major}:{minor}"));
        Self { text: roots::read(&path).unwrap_or_default() }
    }

    /// A property; empty when it is unknown.
    pub(super) fn get(&self, name: &str) -> &str {
        let properties = self.text.lines().filter_map(|line| line.strip_prefix("E:"));
        let mut pairs = properties.filter_map(|line| line.split_once('='));
        let found = pairs.find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value)
    }

    /// The first of these properties that is known; empty when none is.
    pub(super) fn first_of(&self, names: &[&str]) -> &str {
        let mut values = names.iter().map(|name| self.get(name));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    }
}
