//! The two calls about time that no safe library offers: `adjtimex` and `localtime_r`.

#![expect(unsafe_code, reason = "rustix has neither adjtimex nor localtime_r")]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;

/// What `adjtimex` says of the kernel's clock, and the clock's state it returns.
pub(super) fn read_clock() -> io::Result<(libc::timex, i32)> {
    let mut timex = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: `timex` is valid for writes; zeroed, its `modes` ask only to read.
    let state = unsafe { libc::adjtimex(timex.as_mut_ptr()) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: every field is an integer, for which zero is a value.
    Ok((unsafe { timex.assume_init() }, state))
}

/// The local time zone at a Unix time: its abbreviation and its seconds east of Greenwich.
pub(super) fn local_zone(unix_seconds: i64) -> Option<(String, i64)> {
    let at = libc::time_t::try_from(unix_seconds).ok()?;
    let mut local = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are valid for the call, which keeps neither.
    let found = unsafe { libc::localtime_r(&raw const at, local.as_mut_ptr()) };
    if found.is_null() {
        return None;
    }
    // SAFETY: `localtime_r` has filled it.
    let local = unsafe { local.assume_init() };
    if local.tm_zone.is_null() {
        return None;
    }
    // SAFETY: `tm_zone` points to a string that the C library keeps for the process's life.
    let zone = unsafe { CStr::from_ptr(local.tm_zone) };
    Some((zone.to_string_lossy().into_owned(), local.tm_gmtoff))
}
