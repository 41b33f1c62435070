#[pgq::cron("0 0 */31 * FRIL")]
async fn tidy() {}

fn main() {}
