#[pgq::task]
async fn send(#[cfg(all())] to: String) {
    let _ = to;
}

fn main() {}
