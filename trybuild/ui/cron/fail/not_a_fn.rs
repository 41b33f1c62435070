#[pgq::cron("0 3 * * *")]
struct Tidy;

fn main() {}
