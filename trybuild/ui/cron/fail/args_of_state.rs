#[pgq::cron("0 3 * * *", args(cache = 1))]
async fn tidy(cache: &String) {
    let _ = cache;
}

fn main() {}
