"""Enqueues jobs in a transaction of asyncpg.

    DATABASE_URL=postgres://… python with_asyncpg.py
"""

import asyncio
import json
import os

import asyncpg


async def sign_up(connection: asyncpg.Connection, email: str) -> int:
    """Creates the user and the job, or neither."""
    async with connection.transaction():
        await connection.execute("insert into app_user (email) values ($1)", email)
        job = await connection.fetchval(
            "select pgq_jobs.enqueue('send_welcome', $1)", {"email": email}
        )
        if "@" not in email:
            raise ValueError(f"`{email}` is no address")
        return job


async def main() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    # asyncpg takes JSON as text, unless it is told how to write it.
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
    )
    try:
        print("job", await sign_up(connection, "ada@example.com"))
        try:
            await sign_up(connection, "nobody")
        except ValueError as error:
            print("not signed up:", error)

        # Many jobs in one call; arguments that are not said are as the task has them.
        jobs = await connection.fetch(
            "select job, outcome from pgq_jobs.enqueue_many('send_welcome', $1, priority => 5)",
            [{"email": f"{name}@example.com"} for name in ("bob", "eve")],
        )
        print("jobs", [(job["job"], job["outcome"]) for job in jobs])

        # What is wrong is told by a code.
        try:
            await connection.fetchval("select pgq_jobs.enqueue('send_welcom')")
        except asyncpg.PostgresError as error:
            print("refused:", error.sqlstate, error.message)
    finally:
        await connection.close()


asyncio.run(main())
