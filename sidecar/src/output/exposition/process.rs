//! What comes in: `/proc/self`. What goes out: the memory and CPU time of this process, read at each scrape. Writes no
//! sample where the system has no such file.

use std::fs;

use super::families::Families;
use crate::metric_names as names;

/// Adds the samples of this process.
pub(super) fn publish(families: &mut Families) {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
        families.set(&names::CPU_SECONDS, &[], seconds);
    }
    if let Some(bytes) =
        fs::read_to_string("/proc/self/status").ok().and_then(|status| resident_bytes(&status))
    {
        families.set(&names::RESIDENT_MEMORY, &[], bytes);
    }
}

/// User and system time, fields 14 and 15 of proc(5)'s stat; the name in field 2 may hold blanks and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / ticks_per_second()?)
}

/// `VmRSS:  1234 kB` of proc(5)'s status.
fn resident_bytes(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

/// The unit of the times in `/proc`.
#[expect(unsafe_code, reason = "sysconf has no safe face in the standard library")]
fn ticks_per_second() -> Option<f64> {
    // Safety: sysconf takes a number, touches no memory of ours and may be called from any thread.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u32::try_from(ticks).ok().filter(|ticks| *ticks > 0).map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_brackets() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        assert_eq!(cpu_seconds(stat), ticks_per_second().map(|ticks| 300.0 / ticks));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t   2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn this_process_has_both() {
        let mut families = Families::default();
        publish(&mut families);
        let text = families.into_text();
        for metric in [names::CPU_SECONDS, names::RESIDENT_MEMORY] {
            assert!(text.contains(&format!("\n{} ", metric.name)), "{text}");
        }
    }
}
