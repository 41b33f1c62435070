#[pgq::task]
async fn send(#[secrets] to: String) {
    let _ = to;
}

fn main() {}
