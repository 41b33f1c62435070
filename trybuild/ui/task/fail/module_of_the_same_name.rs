pub mod send {
    #[pgq::task]
    pub async fn send() {}
}

pub use send::send;

fn main() {}
