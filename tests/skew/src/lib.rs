//! A wall clock that is wrong. A program that links this crate has one once it calls [`jump`]: the clock
//! is ahead, then right, then behind, for half a second each; or once it calls [`shift`]. Other clocks stay as
//! they are.
//!
//! On Linux only; elsewhere the clock stays right.

use std::sync::atomic::{AtomicI64, Ordering};

/// By how many seconds the clock is wrong.
static BY: AtomicI64 = AtomicI64::new(0);

/// Lets the clock jump to and fro from now on, by that many seconds.
pub fn jump(seconds: i64) {
    BY.store(seconds, Ordering::Relaxed);
}

/// By how many seconds the clock is ahead besides.
static SHIFT: AtomicI64 = AtomicI64::new(0);

/// Lets the clock be ahead from now on, by that many seconds.
pub fn shift(seconds: i64) {
    SHIFT.store(seconds, Ordering::Relaxed);
}

#[cfg(target_os = "linux")]
mod clock {
    use std::sync::atomic::Ordering;

    use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, c_int, clockid_t, timespec};

    fn read(clock: clockid_t, time: *mut timespec) -> c_int {
        // SAFETY: the arguments are those of `clock_gettime`, which are handed on as they are.
        let result = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
        c_int::try_from(result).unwrap_or(-1)
    }

    /// Takes the place of the C library's function for the whole program: the linker meets it first.
    ///
    /// # Safety
    ///
    /// `time` must be valid for a write, as for the function that this replaces.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
        let result = read(clock, time);
        let by = super::BY.load(Ordering::Relaxed);
        if result == 0 && clock == CLOCK_REALTIME {
            // SAFETY: the system has written to it.
            unsafe { (*time).tv_sec += super::SHIFT.load(Ordering::Relaxed) };
        }
        if result == 0 && clock == CLOCK_REALTIME && by != 0 {
            let mut since_boot = timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            if read(CLOCK_MONOTONIC, &raw mut since_boot) == 0 {
                let halves = since_boot.tv_sec * 2 + since_boot.tv_nsec / 500_000_000;
                // SAFETY: the system has written to it.
                unsafe { (*time).tv_sec += by * (halves % 3 - 1) };
            }
        }
        result
    }
}
