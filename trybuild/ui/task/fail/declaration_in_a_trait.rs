trait Tidy {
    #[pgq::task]
    async fn tidy();
}

fn main() {}
