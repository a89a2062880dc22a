//! What memory comes from, and how much of what was freed is kept.

/// Pages and columns of a megabyte come and go with every row group: glibc gives them back to the system each time, and
/// the system clears them anew.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// glibc gives each of many threads an arena of its own and returns little of them: with large buffers that pass from
/// thread to thread, half of the resident memory was such leftovers. Two arenas cost no measurable speed.
///
/// It also raises, up to 32 MiB, the size from which a block is mapped alone and given back when it is freed. Columns that
/// grow then leave holes behind: with a fixed size, a million events from Kafka took 209 MB at most instead of 269. With
/// 1 MiB it was 188, but a file took 8% more processor time.
pub(crate) fn bound() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: only sets limits inside the allocator; no other thread exists yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_ALONE_BYTES);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_ALONE_BYTES: libc::c_int = 4 << 20;

/// Gives back to the system what is freed. jemalloc keeps it for ten seconds, which is right for what comes and goes with
/// every batch; of large messages that is a hundred megabytes which nothing uses.
pub(crate) fn give_back() {
    #[cfg(feature = "jemalloc")]
    // SAFETY: the name is that of an action on all arenas (4096 stands for all) which takes and answers nothing; it may be called
    // by any thread at any time.
    unsafe {
        let null = std::ptr::null_mut();
        tikv_jemalloc_sys::mallctl(c"arena.4096.purge".as_ptr(), null, null.cast(), null, 0);
    }
}
