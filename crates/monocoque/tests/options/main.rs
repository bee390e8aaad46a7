//! The table of options, walked: every entry has an effect that is observed here, or says why it is refused.

#[path = "../common/mod.rs"]
mod common;

mod connections;
mod contexts;
mod links;
mod page;
mod patterns;
mod queues;
mod security;
mod sockets;
mod tls;

use std::collections::HashMap;

use common::{in_shared, watched};
use monocoque::{Context, OptionError, OptionSpec, SocketOption, SocketType};

/// Shows that an option acts.
type Check = fn();

/// What shows each option's effect.
fn checks() -> HashMap<SocketOption, Check> {
    [
        queues::CHECKS,
        connections::CHECKS,
        links::CHECKS,
        security::CHECKS,
        tls::CHECKS,
        sockets::CHECKS,
        patterns::CHECKS,
    ]
    .concat()
    .into_iter()
    .collect()
}

#[test]
fn every_option_acts_or_says_why_it_is_refused() {
    let mut checks = checks();
    let (mut acting, mut refused) = (Vec::new(), Vec::new());
    for spec in SocketOption::all() {
        match (spec.absent(), checks.remove(&spec.option())) {
            (None, Some(check)) => {
                check();
                acting.push(spec);
            }
            (Some(_), None) => {
                is_refused_loudly(spec);
                refused.push(spec);
            }
            (None, None) => panic!("{} has no test of its effect", spec.name()),
            (Some(_), Some(_)) => panic!("{} is refused and has an effect", spec.name()),
        }
    }
    assert!(checks.is_empty(), "effects of options that are not in the table: {:?}", checks.keys());
    println!("options acting: {}, refused with a reason: {}, accepted silently: 0", acting.len(), refused.len());
    for spec in refused {
        println!("  {} {}", spec.name(), spec.absent().unwrap_or_default());
    }
}

fn is_refused_loudly(spec: &'static OptionSpec) {
    in_shared(async move |ctx: Context| {
        let error = OptionError::NotHere { option: spec.option(), why: spec.absent().expect("absent") };
        for socket_type in SocketType::ALL {
            let built = ctx.socket(socket_type).option(spec.option(), 1).build();
            assert_eq!(built.err(), Some(error.clone()));
            let socket = ctx.socket(socket_type).build().expect("valid");
            assert_eq!(socket.set_option(spec.option(), 1), Err(error.clone()));
            assert_eq!(socket.option(spec.option()), Err(error.clone()));
        }
    });
}

#[test]
fn an_option_is_refused_by_every_type_that_does_not_have_it() {
    in_shared(async |ctx: Context| {
        for spec in SocketOption::all().filter(|spec| spec.absent().is_none()) {
            for socket_type in SocketType::ALL.into_iter().filter(|one| !spec.socket_types().contains(one)) {
                let error = OptionError::DoesNotApply { option: spec.option(), socket_type };
                let socket = ctx.socket(socket_type).build().expect("valid");
                assert_eq!(socket.set_option(spec.option(), 1), Err(error.clone()));
                assert_eq!(socket.option(spec.option()), Err(error.clone()));
            }
        }
    });
}

#[test]
fn what_is_set_is_read_back_and_what_is_out_of_range_changes_nothing() {
    in_shared(async |ctx: Context| {
        for spec in SocketOption::all().filter(|spec| spec.is_readable() && spec.is_settable()) {
            let socket = ctx.socket(spec.socket_types()[0]).build().expect("valid");
            let before = socket.option(spec.option()).expect("readable");
            assert_eq!(Some(&before), spec.default(spec.socket_types()[0], false).as_ref(), "{}", spec.name());
            for wrong in [i64::MIN, -2].into_iter().filter(|_| spec.takes() != "any number") {
                let error = socket.set_option(spec.option(), wrong).expect_err(spec.name());
                assert!(matches!(error, OptionError::OutOfRange { .. }), "{error}");
            }
            assert_eq!(socket.option(spec.option()).as_ref(), Ok(&before), "{}", spec.name());
            if before != monocoque::OptionValue::Unset {
                assert_eq!(socket.set_option(spec.option(), before.clone()), Ok(()), "{}", spec.name());
                assert_eq!(socket.option(spec.option()), Ok(before), "{}", spec.name());
            }
        }
    });
}

#[test]
fn access_is_as_the_table_says() {
    in_shared(async |ctx: Context| {
        for spec in SocketOption::all().filter(|spec| spec.absent().is_none()) {
            let socket = ctx.socket(spec.socket_types()[0]).build().expect("valid");
            let read = socket.option(spec.option());
            assert_eq!(read.is_ok(), spec.is_readable(), "{}", spec.name());
            if !spec.is_readable() {
                assert_eq!(read, Err(OptionError::WriteOnly { option: spec.option() }));
            }
            if !spec.is_settable() {
                let set = socket.set_option(spec.option(), 1);
                assert_eq!(set, Err(OptionError::ReadOnly { option: spec.option() }));
            }
        }
    });
}

#[test]
fn names_and_numbers_are_unique_and_are_found() {
    watched(|| {
        let mut seen = HashMap::new();
        for spec in SocketOption::all() {
            assert_eq!(seen.insert(spec.option(), spec.name()), None, "{}", spec.name());
            for name in [spec.name().to_owned(), format!("zmq_{}", spec.name().to_lowercase())] {
                assert_eq!(name.parse(), Ok(spec.option()));
            }
        }
        let unknown = "NO_SUCH".parse::<SocketOption>().expect_err("unknown");
        assert_eq!(unknown.to_string(), "there is no option NO_SUCH");
        assert_eq!(SocketOption(9999).spec().map(OptionSpec::name), None);
    });
}
