//! `MONOCOQUE_DRIVER` forces an engine or is refused; unset, empty and `auto` leave the choice to us.

mod common;

use common::{child, drivers, is_child, succeed};
use monocoque_io::{Driver, DriverChoice, DriverError, Placement, local_runtime};

#[test]
fn for_every_value() {
    let uring = if drivers().contains(&Driver::Uring) { "io_uring" } else { "refused" };
    let best = if uring == "refused" { "epoll" } else { uring };
    for (value, expected) in [
        (None, best),
        (Some(""), best),
        (Some("auto"), best),
        (Some("poll"), "epoll"),
        (Some("uring"), uring),
        (Some("URING"), "unknown"),
        (Some("epoll"), "unknown"),
    ] {
        let mut command = child("in_a_process_with_that_value");
        command.env_remove("MONOCOQUE_DRIVER").env("EXPECTED", expected);
        if let Some(value) = value {
            command.env("MONOCOQUE_DRIVER", value);
        }
        succeed(command);
    }
}

#[test]
#[ignore = "started by the test above"]
fn in_a_process_with_that_value() {
    if !is_child() {
        return;
    }
    let choice = DriverChoice::from_env();
    let found = match &choice {
        Err(DriverError::UnknownName(name)) => {
            assert_eq!(std::env::var("MONOCOQUE_DRIVER").as_ref(), Ok(name));
            assert!(local_runtime().is_err());
            "unknown".to_owned()
        }
        Err(other) => panic!("{other}"),
        Ok(choice) => match Placement::shared(1, *choice) {
            Err(_) => "refused".to_owned(),
            Ok(placement) => {
                let runtime = local_runtime().expect("as the placement");
                let local = runtime.block_on(async { Placement::local().expect("a runtime").driver() });
                assert_eq!(local, placement.driver());
                local.to_string()
            }
        },
    };
    assert_eq!(Ok(found), std::env::var("EXPECTED"));
}
