#[pgq::task]
async fn list(#[default(10)] limit: u32) {
    let _ = limit;
}

fn main() {}
