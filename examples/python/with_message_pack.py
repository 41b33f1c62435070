"""Enqueues jobs whose input is MessagePack, as the crate writes it.

It takes what JSON cannot say: bytes, and whole numbers of 64 bits.

    DATABASE_URL=postgres://… python with_message_pack.py
"""

import os

import msgpack
import psycopg

# What the input is written in: MessagePack, a map of the task's parameters by their names.
MESSAGE_PACK = b"\x01"


def encode(**parameters: object) -> bytes:
    return MESSAGE_PACK + msgpack.packb(parameters)


def main() -> None:
    inputs = [
        encode(name="first", content=b"\x00\xff", size=2**64 - 1),
        encode(name="second", content=bytes(1000), size=1000),
    ]
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        jobs = connection.execute(
            "select job from pgq_jobs.enqueue_inputs('store', %s)", [inputs]
        ).fetchall()
        print("jobs", [job for (job,) in jobs])


main()
