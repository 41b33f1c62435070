#[pgq::cron("0 3 * * *")]
async fn tidy(cache: &String, days: u8, dry: bool) {
    let _ = (cache, days, dry);
}

fn main() {}
