#[pgq::task]
async fn send(to: Option<&String>) {
    let _ = to;
}

fn main() {}
