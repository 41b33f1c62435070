#[pgq::task]
async fn tidy(path: impl AsRef<str>, all: Vec<impl Send>) {
    drop((path, all));
}

fn main() {}
