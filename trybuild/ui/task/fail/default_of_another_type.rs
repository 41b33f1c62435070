#[pgq::task]
async fn list(#[default = "ten"] limit: u32) {
    let _ = limit;
}

fn main() {}
