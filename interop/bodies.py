"""Bodies of 10 MiB in blocks, both ways: the same bytes, by BERT, in little memory."""

import random
import re

from programs import Failure

SIZE = 10 << 20
# What no program that holds the body could do: it would need more than this for the body and one message of 1 MiB.
MOST_KIB = 16 << 10
# What measures the programs that end: it is small itself.
TIME = ["/usr/bin/time", "-f", "peak %M KiB"]


def random_body(stage):
    file = stage.work() / "random"
    if not file.exists():
        file.write_bytes(random.Random(SIZE).randbytes(SIZE))
    return file


def numbered_body(stage):
    """As /stream of our servers gives it."""
    file = stage.work() / "numbered"
    if not file.exists():
        file.write_bytes(b"".join(b"%015d\n" % line for line in range(SIZE // 16)))
    return file


def our_put(stage):
    client = stage.run(["{uri}/ten", "--put-file", str(random_body(stage)), "--verbose", "--timeout", "60"])
    return ended(client, "Block1")


def our_get(stage):
    back = stage.work() / "back"
    client = stage.run(["{uri}/ten", "--output", str(back), "--verbose", "--timeout", "60"])
    said = ended(client, "Block2")
    same(back, random_body(stage))
    return said


def ended(client, option):
    if status := client.status(60):
        raise Failure(f"exit status {status}")
    return seen(client.text(), option, int(client.hears(r"^peak (\d+) KiB$", 0)[1]))


def their_put(stage):
    body = numbered_body(stage)
    client = stage.run(["-B", "60", "-m", "put", "-f", str(body), "{uri}/stream"])
    client.hears(rf"\b{SIZE} bytes, FNV-1a {fnv(body.read_bytes()):016x}\b", 60)
    return seen_by_server(stage, "Block1")


def their_get(stage):
    back = stage.work() / "back"
    client = stage.run(["-B", "60", "-o", str(back), "{uri}/stream"])
    client.status(60)
    same(back, numbered_body(stage))
    return seen_by_server(stage, "Block2")


def seen_by_server(stage, option):
    server = stage.cast["server"]
    return seen(server.text(), option, server.peak())


def seen(text, option, peak):
    """BERT is exponent 7, the lowest three bits of a block option."""
    blocks = [int(value) for value in re.findall(rf"\b{option}=(\d+)", text)]
    if not any(value & 7 == 7 for value in blocks):
        raise Failure(f"no BERT in {len(blocks)} {option} options")
    if peak > MOST_KIB:
        raise Failure(f"{peak} KiB of memory")
    # Rounded up: what is said should not change with each run.
    return f"BERT, at most {-(-peak // 1024)} MiB of memory"


def same(found, expected):
    if not found.exists() or found.read_bytes() != expected.read_bytes():
        raise Failure("what came back is something else")


def fnv(data):
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return digest
