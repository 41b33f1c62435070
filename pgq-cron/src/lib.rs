//! The cron expressions of `pgq`.
