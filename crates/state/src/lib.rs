//! Small records that must survive a restart, in an embedded SQLite.
