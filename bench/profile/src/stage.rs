//! The stages of a message's way, and which of them a place in the code belongs to.

/// A stage, or what stands between the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Program,
    Facade,
    Hub,
    Lock,
    Message,
    Pipe,
    UserCopy,
    Allocation,
    Protocol,
    Pump,
    Runtime,
    OtherUser,
    KernelCopy,
    KernelNet,
    KernelScheduler,
    KernelOther,
}

use Stage::{
    Allocation, Facade, Hub, KernelCopy, KernelNet, KernelOther, KernelScheduler, Lock, Message, OtherUser, Pipe,
    Program, Protocol, Pump, Runtime, UserCopy,
};

impl Stage {
    /// From the application to the kernel.
    pub const ALL: [Self; 16] = [
        Program,
        Facade,
        Hub,
        Lock,
        Message,
        Pipe,
        UserCopy,
        Allocation,
        Protocol,
        Pump,
        Runtime,
        OtherUser,
        KernelCopy,
        KernelNet,
        KernelScheduler,
        KernelOther,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Program => "benchmark program",
            Facade => "facade (`monocoque`)",
            Hub => "hub (`monocoque-pattern`)",
            Lock => "locks",
            Message => "message and frame",
            Pipe => "pipe, slab, encode and parse",
            UserCopy => "copy in user space (`memmove`)",
            Allocation => "allocation",
            Protocol => "protocol (`monocoque-zmtp`)",
            Pump => "pumps and polling (`monocoque-io`)",
            Runtime => "compio",
            OtherUser => "other user code, clock, stubs",
            KernelCopy => "kernel: copy",
            KernelNet => "kernel: tcp and loopback",
            KernelScheduler => "kernel: scheduler",
            KernelOther => "kernel: other",
        }
    }

    /// Of a place in the program: the innermost source file, of those inlined there, that is of a stage. What the standard
    /// library does is its caller's.
    pub fn of_sources<'a>(sources: impl IntoIterator<Item = &'a str>) -> Self {
        sources.into_iter().find_map(of_source).unwrap_or(OtherUser)
    }

    /// Of a function that is not the program's.
    pub fn of_function(library: &str, name: &str) -> Self {
        let any = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        match library {
            "[kernel.kallsyms]" if any(&["_copy_", "copy_user", "rep_movs", "check_object_size", "virt_addr"]) => {
                KernelCopy
            }
            "[kernel.kallsyms]" if any(&["sched", "task_switch", "yield", "pick_", "update_curr", "_task", "wake"]) => {
                KernelScheduler
            }
            "[kernel.kallsyms]" if any(&NET) => KernelNet,
            "[kernel.kallsyms]" => KernelOther,
            _ if any(&["memmove", "memcpy"]) => UserCopy,
            _ if any(&["malloc", "free", "calloc", "realloc"]) => Allocation,
            _ => OtherUser,
        }
    }
}

/// Parts of the names of functions between a socket and the other socket on loopback.
const NET: [&str; 13] =
    ["tcp", "skb", "sock", "sk_", "ip_", "inet", "net_", "netif", "loopback", "dev_", "softirq", "backlog", "alloc"];

fn of_source(path: &str) -> Option<Stage> {
    let stages = [
        ("/bench/", Program),
        ("/crates/monocoque/", Facade),
        ("/crates/monocoque-pattern/", Hub),
        ("/crates/monocoque-zmtp/", Protocol),
        ("/crates/monocoque-io/", Pump),
        ("/crates/monocoque-core/src/sync.rs", Lock),
        ("/crates/monocoque-core/src/message.rs", Message),
        ("/crates/monocoque-core/src/frame.rs", Message),
        ("/crates/monocoque-core/", Pipe),
        ("/compio", Runtime),
        ("/io-uring", Runtime),
        ("/synchrony", Runtime),
    ];
    stages.iter().find(|(part, _)| path.contains(part)).map(|(_, stage)| *stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_is_its_callers() {
        let sources =
            ["/rustc/1/library/core/src/ptr/mod.rs", "/w/crates/monocoque-core/src/frame.rs", "/w/bench/ours"];
        assert_eq!(Stage::of_sources(sources), Message);
        assert_eq!(Stage::of_sources(["/rustc/1/library/std/src/rt.rs"]), OtherUser);
    }

    #[test]
    fn the_kernel_is_divided_by_names() {
        for (name, stage) in [
            ("_copy_from_iter", KernelCopy),
            ("finish_task_switch.isra.0", KernelScheduler),
            ("tcp_write_xmit", KernelNet),
            ("fget", KernelOther),
        ] {
            assert_eq!(Stage::of_function("[kernel.kallsyms]", name), stage, "{name}");
        }
        assert_eq!(Stage::of_function("/lib/libc.so.6", "__memmove_avx_unaligned_erms"), UserCopy);
    }
}
