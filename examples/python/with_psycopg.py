"""Enqueues jobs in a transaction of psycopg, and changes them.

    DATABASE_URL=postgres://… python with_psycopg.py
"""

import os

import psycopg
from psycopg.types.json import Jsonb


def sign_up(connection: psycopg.Connection, email: str) -> int:
    """Creates the user and the job, or neither."""
    with connection.transaction():
        connection.execute("insert into app_user (email) values (%s)", [email])
        (job,) = connection.execute(
            "select pgq_jobs.enqueue('send_welcome', %s)", [Jsonb({"email": email})]
        ).fetchone()
        if "@" not in email:
            raise ValueError(f"`{email}` is no address")
        return job


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        job = sign_up(connection, "ada@example.com")
        print("job", job)
        try:
            sign_up(connection, "nobody")
        except ValueError as error:
            print("not signed up:", error)

        # Many jobs in one call; arguments that are not said are as the task has them.
        jobs = connection.execute(
            "select job, outcome from pgq_jobs.enqueue_many('send_welcome', %s, priority => 5)",
            [[Jsonb({"email": f"{name}@example.com"}) for name in ("bob", "eve")]],
        ).fetchall()
        print("jobs", jobs)

        (answer,) = connection.execute("select pgq_jobs.cancel(%s)", [job]).fetchone()
        print("cancel:", answer)
        (state,) = connection.execute(
            "select state from pgq_jobs.find(%s)", [job]
        ).fetchone()
        print("state:", state)
        (is_requeued,) = connection.execute(
            "select pgq_jobs.requeue(%s)", [job]
        ).fetchone()
        print("requeued:", is_requeued)

        # What is wrong is told by a code.
        try:
            connection.execute("select pgq_jobs.enqueue('send_welcom')")
        except psycopg.Error as error:
            print("refused:", error.sqlstate, error.diag.message_primary)


main()
