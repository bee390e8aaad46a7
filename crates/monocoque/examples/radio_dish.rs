//! A radio sends to groups; each dish hears those that it joined, by their whole names.

use monocoque::{Context, Group};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let ctx = Context::new();
    let radio = ctx.radio().build()?;
    let endpoint = radio.blocking().bind("tcp://127.0.0.1:*")?.to_string();
    let dishes = [ctx.dish().connect(&endpoint)?, ctx.dish().connect(&endpoint)?];
    for (dish, group) in dishes.iter().zip(["sport", "weather"]) {
        dish.join(group)?;
    }
    radio.blocking().wait_for_subscribers(2);
    for (group, news) in [("weather", "rain"), ("weather today", "nobody hears this"), ("sport", "1 : 0")] {
        radio.blocking().send((Group::new(group)?, news))?;
    }
    for dish in &dishes {
        let heard = dish.blocking().recv()?;
        println!("{}: {:?}", heard.group, heard.message);
    }
    Ok(())
}
