#[pgq::cron("0 25 * * *", priority = 10, que = "low", timeout = "0s")]
fn tidy(_days: &str) -> u8 {
    0
}

fn main() {}
