#[pgq::cron("0 3 * * *", args(limit = "many"))]
async fn tidy(limit: u32) {
    let _ = limit;
}

fn main() {}
