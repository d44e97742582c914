//! Opening LMDB: the one place that needs `unsafe`.

#![expect(unsafe_code, reason = "LMDB maps its file into memory, which no type can make safe")]

use std::path::Path;

use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};

/// Address space for the file, at most; the file itself grows as needed. Reserving it all at once is what lets the
/// store grow while other processes have it open.
const LARGEST_MAP: usize = 1 << 38;

/// Less than this is not tried: a process that may not even map so much cannot use a store.
const SMALLEST_MAP: usize = 1 << 30;

/// One-shot processes that may read at the same moment.
const MAX_READERS: u32 = 1024;

/// Opens the environment in `folder`, which exists.
///
/// The map is taken smaller where the process may not have that much address space.
pub(super) fn open(folder: &Path, tables: u32) -> heed::Result<Env<WithoutTls>> {
    let mut size = LARGEST_MAP;
    loop {
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(size).max_readers(MAX_READERS).max_dbs(tables);
        // Look-ups jump about: reading ahead would pull in pages that nobody asked for.
        // SAFETY: this flag changes how pages are read, and nothing about what is in them.
        unsafe { options.flags(EnvFlags::NO_READ_AHEAD) };
        // SAFETY: the file lies in a folder of ours in which only LMDB writes, and heed refuses to map it twice in one
        // process. Against a file that is cut or overwritten from outside nothing helps here; `super` holds its size
        // against what its head says, and the program guards itself against the signal.
        match unsafe { options.open(folder) } {
            Err(heed::Error::Io(error)) if is_no_memory(&error) && size > SMALLEST_MAP => size /= 4,
            result => return result,
        }
    }
}

fn is_no_memory(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::OutOfMemory
}
