#[pgq::task]
async fn tidy() -> ! {
    loop {
        std::future::pending::<()>().await;
    }
}

fn main() {}
