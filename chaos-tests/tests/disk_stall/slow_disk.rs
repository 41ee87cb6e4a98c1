//! A disk that stalls, for a process that loads this before the C library: what it wrote does not become durable for as long
//! as a file is there. Its name is the value of `DISK_STALLS_WHILE`. Only the test beside it builds this.

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Stands in for the C library's: waits, and syncs then, by the one call that is not stood in for.
#[no_mangle]
pub extern "C" fn fdatasync(file: i32) -> i32 {
    if let Some(gate) = std::env::var_os("DISK_STALLS_WHILE") {
        while Path::new(&gate).exists() {
            sleep(Duration::from_millis(20));
        }
    }
    let again = File::open(format!("/proc/self/fd/{file}"));
    match again.and_then(|file| file.sync_all()) {
        Ok(()) => 0,
        // Whoever asked reads why from the thread's last error.
        Err(_) => -1,
    }
}
