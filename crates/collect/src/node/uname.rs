//! uname: the kernel's name for itself and its host.

use model::Family;

use crate::{CollectError, Collector, Moment};

pub(super) struct Uname;

impl Collector for Uname {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn collect(&mut self, _: Moment, out: &mut Vec<Family>) -> Result<(), CollectError> {
        let uname = rustix::system::uname();
        let mut info = Family::gauge("node_uname_info", "The kernel and its host, always 1.");
        info.push_with(
            [
                ("sysname", &uname.sysname().to_string_lossy()),
                ("release", &uname.release().to_string_lossy()),
                ("version", &uname.version().to_string_lossy()),
                ("machine", &uname.machine().to_string_lossy()),
                ("nodename", &uname.nodename().to_string_lossy()),
                ("domainname", &uname.domainname().to_string_lossy()),
            ],
            1.0,
        );
        out.push(info);
        Ok(())
    }
}
