struct Tidier;

impl Tidier {
    #[pgq::task]
    async fn tidy() {}
}

fn main() {}
