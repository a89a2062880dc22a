//! Whether the demo can run where it is to run, found out before it starts.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use catchwater_sdk::{Error, Result, ResultExt};

/// The lake's folder exists and can be written, the port is free.
pub(super) fn prepare(lake: &str, port: u16) -> Result<()> {
    // What is wrong with a URL, the lake sink will say: it knows which there are, and their escapes.
    if !lake.contains("://") {
        make_lake(Path::new(lake))?;
    }
    find_port_free(port)
}

fn make_lake(folder: &Path) -> Result<()> {
    let doing = || format!("write to the lake's folder {}; name another with --lake", folder.display());
    fs::create_dir_all(folder).or_refused(doing)?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).or_refused(doing)
}

fn find_port_free(port: u16) -> Result<()> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Error::refused(format!(
            "take events on 127.0.0.1:{port}: the port is taken; choose another with --port"
        ))),
        Err(error) => Err(error).or_refused(|| format!("take events on 127.0.0.1:{port}; choose another with --port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prepared: Result<()>, expected: &str) {
        let found = prepared.map_or_else(|error| error.chain(), |()| "ready".to_owned());
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn a_lake_that_can_be_written_is_left_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = folder.path().join("new/lake");
        check(make_lake(&lake), "ready");
        assert_eq!(fs::read_dir(&lake).expect("the folder").count(), 0);
    }

    #[test]
    fn a_lake_that_cannot_be_written_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), b"").expect("written");
        check(make_lake(&folder.path().join("file/lake")), "file/lake; name another with --lake: ");
    }

    #[test]
    fn a_taken_port_is_named_with_the_way_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = taken.local_addr().expect("an address").port();
        check(find_port_free(port), &format!("127.0.0.1:{port}: the port is taken; choose another with --port"));
        drop(taken);
        check(find_port_free(port), "ready");
    }
}
