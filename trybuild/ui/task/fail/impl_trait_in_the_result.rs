#[pgq::task]
async fn tidy() -> Result<impl Send, std::fmt::Error> {
    Ok(1)
}

fn main() {}
