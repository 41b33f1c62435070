#[pgq::task]
async fn send(#[secret = true] token: String) {
    let _ = token;
}

fn main() {}
