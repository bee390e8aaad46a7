//! A ventilator, three workers, and a sink: work is spread in turn and collected fairly.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let (work, results) = (ctx.push().build()?, ctx.pull().build()?);
    let work_at = work.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let results_at = results.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    for name in ["ann", "bob", "cat"] {
        let (tasks, done) = (ctx.pull().connect(&work_at)?, ctx.push().connect(&results_at)?);
        std::thread::spawn(move || {
            while let Ok(task) = tasks.blocking().recv() {
                let square = u32::from(task.first()[0]).pow(2).to_string();
                done.blocking().send((name, square)).expect("the sink is there");
            }
        });
    }
    // Without this the first worker to connect would get it all.
    work.blocking().wait_for_peers(3);
    for number in 1..=9 {
        work.blocking().send(vec![number])?;
    }
    for _ in 1..=9 {
        println!("{:?}", results.blocking().recv()?);
    }
    Ok(())
}
