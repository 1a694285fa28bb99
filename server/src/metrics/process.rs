//! The `process_*` metrics, as Prometheus clients name them. Read from `/proc` on Linux, absent elsewhere.

use super::Text;

/// Ticks of `/proc` a second: fixed for user space on Linux.
const TICKS: f64 = 100.0;

pub(super) fn write(text: &mut Text) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold spaces: what counts follows the last `)`. proc(5) numbers utime 14, stime 15.
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split(' ')
        .skip(2)
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    if let (Some(user), Some(system), Some(started)) = (fields.get(11), fields.get(12), fields.get(19)) {
        text.one(
            "process_cpu_seconds_total",
            "counter",
            "User and system time.",
            "",
            (user + system) / TICKS,
        );
        let boot = line("/proc/stat", "btime");
        text.one(
            "process_start_time_seconds",
            "gauge",
            "Start, since the epoch.",
            "",
            boot + started / TICKS,
        );
    }
    let resident = line("/proc/self/status", "VmRSS:") * 1024.0;
    text.one("process_resident_memory_bytes", "gauge", "Memory in use.", "", resident);
    let virt = line("/proc/self/status", "VmSize:") * 1024.0;
    text.one("process_virtual_memory_bytes", "gauge", "Memory mapped.", "", virt);
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    text.one("process_open_fds", "gauge", "Open files.", "", open);
}

/// The first number behind `key`.
fn line(path: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    found
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0)
}
