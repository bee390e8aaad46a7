//! Single frames are scattered over three workers in turn, and what they make of them is gathered fairly.

use monocoque::Context;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let (work, results) = (ctx.scatter().build()?, ctx.gather().build()?);
    let work_at = work.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let results_at = results.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    for name in ["ann", "bob", "cat"] {
        let (tasks, done) = (ctx.gather().connect(&work_at)?, ctx.scatter().connect(&results_at)?);
        std::thread::spawn(move || {
            while let Ok(task) = tasks.blocking().recv() {
                let square = u32::from(task.first()[0]).pow(2);
                done.blocking().send(format!("{name}: {square}")).expect("the sink is there");
            }
        });
    }
    work.blocking().wait_for_peers(3);
    for number in 1..=9 {
        work.blocking().send(vec![number])?;
    }
    for _ in 1..=9 {
        println!("{:?}", results.blocking().recv()?);
    }
    Ok(())
}
