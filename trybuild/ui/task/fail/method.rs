struct Tidier;

impl Tidier {
    #[pgq::task]
    async fn tidy(&self) {}

    #[pgq::task]
    async fn new() -> Result<Self, std::fmt::Error> {
        Ok(Self)
    }
}

fn main() {}
