"""Measures PgQueuer as `harness` measures the peers in Rust.

The drain is that of PgQueuer's own benchmark (`tools/benchmark.py --strategy drain --driver apg`),
which is not in its package: consumers with a connection each, in one process, on uvloop. That one
enqueues empty payloads, does not time them, and counts starts instead of completions.
"""

import argparse
import asyncio
import importlib.metadata
import json
import os
import time

# Before the import that reads it: no table may be unlogged.
os.environ["PGQUEUER_DURABILITY"] = "durable"

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

ADDRESS = "somebody.somewhere@department.company.example"
FIRST_NUMBER = 1_000_000
LOOK_SECONDS = 0.002
LIMIT_SECONDS = 180


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=5, help="consumers")
    parser.add_argument("--fetch", type=int, default=100, help="jobs that a consumer fetches at once")
    parser.add_argument("--producers", type=int, default=1)
    parser.add_argument("--batch", type=int, default=5_000)
    return parser.parse_args()


async def enqueue(url, options):
    """Returns the time from the first call to the last commit."""
    first = iter(range(0, options.jobs, options.batch))
    connections = [await asyncpg.connect(url) for _ in range(options.producers)]

    async def produce(connection):
        queries = Queries(AsyncpgDriver(connection))
        for start in first:
            numbers = range(start, min(start + options.batch, options.jobs))
            inputs = [
                json.dumps({"to": ADDRESS, "number": FIRST_NUMBER + number}).encode()
                for number in numbers
            ]
            await queries.enqueue(["noop"] * len(inputs), inputs, [0] * len(inputs))

    started = time.perf_counter()
    await asyncio.gather(*map(produce, connections))
    took = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    return took


async def drain(url, options, observer):
    """Returns the time until the last completion was seen, and how often each job ran."""
    runs = bytearray(options.jobs)
    total = 0

    async def noop(job: Job) -> None:
        nonlocal total
        runs[json.loads(job.payload)["number"] - FIRST_NUMBER] += 1
        total += 1

    consumers = []
    for _ in range(options.workers):
        consumer = PgQueuer(AsyncpgDriver(await asyncpg.connect(url)))
        consumer.entrypoint("noop")(noop)
        consumers.append(consumer)

    started = time.perf_counter()
    running = [
        asyncio.create_task(
            consumer.run(batch_size=options.fetch, mode=QueueExecutionMode.drain)
        )
        for consumer in consumers
    ]
    left = "select exists (select from pgqueuer)"
    while total < options.jobs or await observer.fetchval(left):
        for task in running:
            if task.done():
                task.result()
        if time.perf_counter() - started > LIMIT_SECONDS:
            raise SystemExit(f"{total} jobs of {options.jobs} ran in {LIMIT_SECONDS} s")
        await asyncio.sleep(LOOK_SECONDS)
    took = time.perf_counter() - started
    for consumer in consumers:
        consumer.shutdown.set()
    await asyncio.gather(*running)
    return took, runs


async def main():
    given = options()
    url = given.database_url
    observer = await asyncpg.connect(url)
    await Queries(AsyncpgDriver(observer)).install()

    enqueued = await enqueue(url, given)
    waiting = await observer.fetchval("select count(*) from pgqueuer")
    if waiting != given.jobs:
        raise SystemExit(f"{waiting} jobs of {given.jobs} were enqueued")
    await observer.execute("analyze")

    drained, runs = await drain(url, given, observer)
    completed = await observer.fetchval(
        "select count(distinct job_id) from pgqueuer_log where status = 'successful'"
    )
    if completed != given.jobs:
        raise SystemExit(f"{completed} jobs of {given.jobs} completed")
    wrong = sum(1 for times in runs if times != 1)
    if wrong:
        raise SystemExit(f"{wrong} jobs did not run exactly once")

    for scenario, took in [("enqueue", enqueued), ("drain", drained)]:
        line = {
            "peer": "PgQueuer",
            "version": importlib.metadata.version("pgqueuer"),
            "scenario": scenario,
            "figure": round(given.jobs / took),
            "unit": "jobs/s",
            "jobs": given.jobs,
            "history": True,
            "worker": True,
            "workers": given.workers,
            "producers": given.producers,
            "batch": given.batch,
        }
        print(json.dumps(line))


uvloop.run(main())
