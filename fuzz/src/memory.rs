//! How much memory a reading has at a time. More than the limit ends the process without a message, and the fuzzer keeps the
//! input.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// For an input below 1 MB.
const MAX_BYTES: usize = 400 << 20;

struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work; counting allocates nothing.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

fn count(size: usize) {
    if NOW.fetch_add(size, Relaxed) + size > MAX_BYTES {
        std::process::abort();
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;
