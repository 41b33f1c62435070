//! `#[default]`, `#[secret]`, lints, and conditions on parameters.
#![deny(warnings)]

use pgq::{Input, Task};

const LIMIT: u32 = 100;

#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Options {
    fast: bool,
}

#[pgq::task]
async fn send(
    to: String,
    #[default] options: Options,
    #[default = LIMIT] limit: u32,
    #[default = Some(vec!["de".to_owned()])] languages: Option<Vec<String>>,
    #[secret]
    #[default = "none".to_owned()]
    token: String,
    #[secret] r#type: Option<u8>,
) -> Result<(), std::fmt::Error> {
    assert_eq!(to, "me");
    assert_eq!(options, Options { fast: false });
    assert_eq!(limit, 100);
    assert_eq!(languages, Some(vec!["de".to_owned()]));
    assert_eq!((&*token, r#type), ("none", None));
    Ok(())
}

#[pgq::task(name = "conditional", queue = "mail")]
async fn conditional(
    #[cfg(all())] first: u8,
    #[cfg(any())] second: NoSuchType,
    state: &String,
    #[cfg(any())] no_state: &NoSuchType,
    #[cfg(all())]
    #[cfg(not(any()))]
    #[cfg_attr(all(), default = 7, allow(unused_mut))]
    mut third: u16,
    #[cfg_attr(any(), cfg(any()), secret)] fourth: u32,
    #[cfg_attr(all(), cfg(any()))] fifth: NoSuchType,
) {
    let _ = (first, state, third, fourth);
}

#[pgq::task]
async fn unconditional(first: u8, #[default = 7] third: u16, fourth: u32) {
    let _ = (first, third, fourth);
}

#[pgq::cron("0 3 * * *", name = "nightly")]
async fn nightly(#[cfg(any())] input: u8, #[cfg(all())] cache: &String) {
    let _ = cache;
}

#[pgq::task]
async fn lints(
    #[allow(unused_variables)] a: u8,
    #[expect(non_snake_case)] B: u8,
    #[warn(unused)] c: u8,
) {
    let _ = (B, c);
}

fn main() {
    let input = <send as Task>::Input::decode(b"\x02{\"to\": \"me\"}")
        .ok()
        .unwrap();
    let mut future = std::pin::pin!(send(
        input.to,
        input.options,
        input.limit,
        input.languages,
        input.token,
        input.r#type
    ));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert_eq!(send::SECRETS, ["token", "type"]);
    let _ = send::job(
        String::new(),
        Options::default(),
        1,
        None,
        String::new(),
        None,
    );

    let input = <send as Task>::Input::decode(b"\x02{\"to\": \"me\", \"token\": [12345]}");
    let error = input.err().unwrap().to_string();
    assert_eq!(
        error,
        "parameter `token` of the input does not decode: it is secret, so the reason is not told"
    );

    let _ = conditional(1, &String::new(), 2, 3);
    let _ = conditional::job(1, 2, 3);
    assert_eq!(conditional::OPTIONS.queue, "mail");
    assert_eq!(conditional::injected().len(), 1);
    let (one, other) = (
        <conditional as Task>::Input::shape(),
        <unconditional as Task>::Input::shape(),
    );
    assert_eq!(one, other);
    let input = <conditional as Task>::Input::decode(b"\x02{\"first\": 1, \"fourth\": 2}");
    assert_eq!(input.ok().unwrap().third, 7);
    let _ = (nightly(&String::new()), nightly::job(), lints::job(1, 2, 3));
}
