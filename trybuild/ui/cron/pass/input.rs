//! A schedule gives its task the input that it does not do without.
#![deny(warnings)]

const DAYS: u8 = 7;

#[pgq::cron("0 3 * * *", args(days = DAYS, name = format!("{DAYS} days"), r#type = 1))]
async fn tidy(cache: &String, days: u8, r#type: i64, name: String, dry: Option<bool>) {
    let _ = (cache, days, r#type, name, dry);
}

#[pgq::cron(every = "1h")]
async fn optional(limit: std::option::Option<u32>) {
    let _ = limit;
}

fn main() {
    let _ = tidy::job(1, 2, "name".to_owned(), None);
    let _ = optional::job(None);
}
