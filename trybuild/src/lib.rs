//! Holds the UI cases; no code of its own. The examples of the macros' manual are tested here,
//! since `pgq-macros` cannot depend on `pgq`.

#[cfg(doctest)]
#[doc = include_str!("../../pgq-macros/docs/task.md")]
mod task {}

#[cfg(doctest)]
#[doc = include_str!("../../pgq-macros/docs/cron.md")]
mod cron {}

/// Crates of older editions may use the macros:
///
/// ```edition2018
/// #[pgq::task]
/// async fn send(to: String) -> Result<(), std::fmt::Error> {
///     let _ = to;
///     Ok(())
/// }
///
/// #[pgq::cron("0 3 * * *")]
/// async fn tidy(context: &pgq::Context) {
///     let _ = context;
/// }
///
/// async fn enqueue(enqueuer: impl pgq::Enqueuer) {
///     let _ = send::enqueue(enqueuer, "me".to_owned()).await;
/// }
/// ```
///
/// ```edition2021
/// #[pgq::task]
/// async fn send(to: String) -> Result<(), std::fmt::Error> {
///     let _ = to;
///     Ok(())
/// }
///
/// #[pgq::cron("0 3 * * *")]
/// async fn tidy(context: &pgq::Context) {
///     let _ = context;
/// }
///
/// async fn enqueue(enqueuer: impl pgq::Enqueuer) {
///     let _ = send::enqueue(enqueuer, "me".to_owned()).await;
/// }
/// ```
#[cfg(doctest)]
mod older_editions {}
