mod mail {
    #[pgq::task]
    pub async fn send() {}
}

#[pgq::task(name = "send")]
async fn send_again() {}

fn main() {}
