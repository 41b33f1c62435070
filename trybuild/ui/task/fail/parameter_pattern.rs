#[pgq::task]
async fn send((to, copies): (String, u8)) {
    let _ = (to, copies);
}

fn main() {}
