//! Local placement runs on the caller's runtime: without one it is an error, after its end it is gone.

mod common;

use std::sync::mpsc::{RecvTimeoutError, channel};

use common::{PATIENCE, drivers};
use monocoque_io::{DriverChoice, Placement, PlacementError, PlacementGone};

#[test]
fn on_the_calling_thread() {
    assert!(matches!(Placement::local(), Err(PlacementError::NoRuntime)));
}

#[test]
fn and_is_gone_with_it() {
    for driver in drivers() {
        let runtime = DriverChoice::Only(driver).runtime().expect("available");
        let placement = runtime.block_on(async {
            let placement = Placement::local().expect("a runtime");
            let (ran, runs) = channel();
            placement.spawn(move |_| async move { ran.send(()).expect("waited for") }).expect("alive");
            let waiting = compio::runtime::spawn_blocking(move || runs.recv_timeout(PATIENCE));
            waiting.await.expect("no panic").expect("it runs");
            placement
        });
        drop(runtime);
        assert_eq!(placement.spawn(|_| async {}), Err(PlacementGone));
    }
}

#[test]
fn and_is_gone_with_it_even_if_it_never_ran_anything() {
    for driver in drivers() {
        let runtime = DriverChoice::Only(driver).runtime().expect("available");
        let placement = runtime.enter(|| Placement::local().expect("a runtime"));
        drop(runtime);
        assert_eq!(placement.spawn(|_| async {}), Err(PlacementGone), "else the task would wait for ever");
    }
}

#[test]
fn and_takes_the_tasks_down_that_had_not_started() {
    let runtime = DriverChoice::default().runtime().expect("a driver");
    let placement = runtime.enter(|| Placement::local().expect("a runtime"));
    let (held, is_dropped) = channel::<()>();
    placement.spawn(move |_| async move { drop(held) }).expect("alive");
    drop(runtime);
    assert_eq!(is_dropped.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
}
