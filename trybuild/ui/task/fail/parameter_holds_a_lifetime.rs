use std::borrow::Cow;

#[pgq::task]
async fn send<'a>(to: Cow<'a, str>, state: &Cow<'_, str>) {
    let _ = (to, state);
}

fn main() {}
