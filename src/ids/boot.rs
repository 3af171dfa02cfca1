//! The time since this machine was started: a count that nobody sets, unlike the wall clock.

/// Which start of this machine it is; empty when the system does not say.
pub fn id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// Milliseconds since then, in whole seconds, sleep included.
pub fn uptime_ms() -> i64 {
    rustix::system::sysinfo().uptime.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_one_start_and_its_time_does_not_run_back() {
        assert_eq!(super::id(), super::id());
        let first = super::uptime_ms();
        assert!(first > 0 && super::uptime_ms() >= first);
    }
}
