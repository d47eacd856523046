//! llguidance's C API as one static library, and two calls around it that
//! nothing a grammar does can end the process in.

pub use llguidance::ffi::*;

use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::null_mut;
use std::thread;

/// Compiling recurses once per rule or reference of the grammar, up to some
/// 5 KiB each; a source of 256 KiB holds fewer than 50,000 of them.
const STACK: usize = 512 << 20;

struct Job<'a>(&'a LlgConstraintInit, *const c_char, *const c_char);
struct Made(*mut LlgMatcher);

// SAFETY: the caller of moltbot_new_matcher waits until the thread is done, and
// gives both pointers and the tokenizer within init for that long.
unsafe impl Send for Job<'_> {}
unsafe impl Send for Made {}

impl Job<'_> {
    fn run(self) -> Made {
        Made(unsafe { llg_new_matcher(self.0, self.1, self.2) })
    }
}

/// llg_new_matcher on a stack that its recursion can't overflow; null when there
/// is no memory for it.
///
/// # Safety
/// As llg_new_matcher.
#[no_mangle]
pub unsafe extern "C" fn moltbot_new_matcher(
    init: &LlgConstraintInit,
    constraint_type: *const c_char,
    data: *const c_char,
) -> *mut LlgMatcher {
    let job = Job(init, constraint_type, data);
    thread::scope(|s| {
        thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(s, move || job.run())
            .ok()
            .and_then(|t| t.join().ok())
            .map_or(null_mut(), |made| made.0)
    })
}

/// llg_clone_matcher; null when it panics.
#[no_mangle]
pub extern "C" fn moltbot_clone_matcher(matcher: &LlgMatcher) -> *mut LlgMatcher {
    catch_unwind(AssertUnwindSafe(|| llg_clone_matcher(matcher))).unwrap_or(null_mut())
}
