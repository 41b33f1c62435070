#[pgq::task]
async fn send(#[cfg(unix, windows)] to: String, #[cfg_attr()] copies: u8) {
    let _ = (to, copies);
}

fn main() {}
