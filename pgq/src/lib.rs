//! Background jobs and schedules on PostgreSQL.
