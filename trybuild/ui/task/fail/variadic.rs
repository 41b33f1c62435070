#[pgq::task]
async fn send(to: String, copies: ...) {
    let _ = to;
}

fn main() {}
