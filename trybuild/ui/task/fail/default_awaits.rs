async fn limit() -> u32 {
    10
}

#[pgq::task]
async fn list(#[default = limit().await] limit: u32) {
    let _ = limit;
}

fn main() {}
