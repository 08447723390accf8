"""What is checked against whom: a table of scenes. A scene is a server, what talks to it, and checks in their order.

In commands {uri}, {host} and {port} are the server's; {ours} and {peers} are folders.
"""

import functools
import re
from dataclasses import dataclass, field

import bodies
from probing import probe_client, probe_server
from programs import Failure

TO_OURS, FROM_OURS, TO_MIO = "-> ours", "<- ours", "-> ours on mio"
# The direction of scenes in which the prober takes our place.
PROBED = ("-> probe", "<- probe")
OURSELVES = "ourselves"


@dataclass
class Server:
    command: list
    # printed when it listens; group 1 is its URI if it chose its port itself. None: the port is tried.
    ready: str | None = None
    # ports that it takes, counted from the one it is given
    offsets: tuple = (0,)
    seconds: int = 10


@dataclass
class Scene:
    peer: str
    direction: str
    # none where the prober waits for the peer
    server: Server | None
    # for a client that is run once a check: the start of its command
    client: list = field(default_factory=list)
    # for one that stays: all of its command
    device: list = field(default_factory=list)
    checks: list = field(default_factory=list)


@dataclass
class Check:
    what: str
    # takes the stage (see `run`), raises Failure, may return what is to be said of it
    act: object


def call(what, args, *says, never=None, status=0, seconds=10):
    """One run of the client: its exit status, and what it prints or must not."""

    def act(stage):
        client = stage.run(args)
        ended = client.status(seconds)
        if ended != status:
            raise Failure(f"exit status {ended} instead of {status}")
        for pattern in says:
            client.hears(pattern, 0)
        if never and (match := re.search(never, client.text(), re.M)):
            raise Failure(f"printed: {match[0]}")

    return Check(what, act)


def steps(table, *args, slow=()):
    """One run of a client that prints `ok NAME` or `FAIL NAME` for each step, all on one connection."""
    names = list(table)

    def act(name, stage):
        client = stage.run_once([*args, *names])
        if client.hears(rf"^(ok|FAIL) +{name}\b", 30 if name in slow else 10)[1] == "FAIL":
            raise Failure("the client says so")

    return [Check(what, functools.partial(act, name)) for name, what in table.items()]


def hears(what, who, pattern, say=None, seconds=10):
    """A program that stays running ("server" or "device") prints something, perhaps after (who, line) was said."""

    def act(stage):
        if say:
            stage.cast[say[0]].say(say[1])
        stage.cast[who].hears(pattern, seconds)

    return Check(what, act)


def ends(what, who, seconds):
    def act(stage):
        if ended := stage.cast[who].status(seconds):
            raise Failure(f"exit status {ended}")

    return Check(what, act)


# ---- our programs

def our_server(program, *args):
    return Server([f"{{ours}}/{program}", "--listen", "127.0.0.1:0", *args], r"listening on (coap\+tcp://\S+)")


# One service on two runtimes.
OUR_SERVERS = {TO_OURS: our_server("coap-server"), TO_MIO: our_server("coap-server-mio")}
OUR_CLIENT = ["{ours}/coap-client"]
FIVE_THOUSAND = "0123456789" * 500
HUGE = "0123456789abcdef" * 6400


def our_registry(*args):
    return Server(["{ours}/lwm2m-server", "--listen", "127.0.0.1:0", *args], r"listening on (coap\+tcp://\S+)")


# ---- libcoap: two versions, one command line. Its client's exit status is 0 whatever the answer's code is.


def libcoap_client(peer, prefix, direction):
    return Scene(
        peer,
        direction,
        OUR_SERVERS[direction],
        client=[*prefix, "coap-client-notls", "-B", "3"],
        checks=[
            call("GET /test", ["{uri}/test"], r"\S", never=r"^[45]\.\d\d"),
            call("PUT of a new path is 2.01", ["-v", "6", "-m", "put", "-e", "one", "{uri}/made"], r"c:2\.01 "),
            call("PUT of an old path is 2.04", ["-v", "6", "-m", "put", "-e", "two", "{uri}/made"], r"c:2\.04 "),
            call("GET of what was put", ["{uri}/made"], r"^two$"),
            call("DELETE is 2.02", ["-v", "7", "-m", "delete", "{uri}/made"], r"c:2\.02 "),
            call("GET of what was deleted is 4.04", ["{uri}/made"], r"^4\.04"),
            call("GET of an unknown path is 4.04", ["{uri}/no/such"], r"^4\.04"),
            call("POST /echo", ["-m", "post", "-e", "to and fro", "{uri}/echo"], r"^to and fro$"),
            call("POST /echo of 5000 bytes", ["-m", "post", "-e", FIVE_THOUSAND, "{uri}/echo"], rf"^{FIVE_THOUSAND}$"),
            call("POST /echo of 100 KiB", ["-m", "post", "-e", HUGE, "{uri}/echo"], rf"^{HUGE}$"),
            call("GET /large of 5000 bytes", ["{uri}/large"], r"^[^\n]{5000}$"),
            call("GET /large in blocks of 256 bytes", ["-b", "256", "{uri}/large"], r"^[^\n]{5000}$"),
            # its CSM allows 8 MiB a message, so there is no reason for blocks
            call("GET /large in one message", ["-v", "7", "{uri}/large"], r"c:2\.05 ", never="Block2:"),
            # the payloads run together; the first is the answer
            call("observe /tick, 3 notifications", ["-s", "2", "-v", "6", "{uri}/tick"], r"(?s)(c:2\.05 .*?Observe:.*?){4}"),
        ],
    )


def libcoap_server(prefix):
    return Server([*prefix, "coap-server-notls", "-A", "{host}", "-p", "{port}", "-d", "20"])


def libcoap(peer, prefix):
    return [
        *(libcoap_client(peer, prefix, direction) for direction in OUR_SERVERS),
        Scene(
            peer,
            FROM_OURS,
            libcoap_server(prefix),
            client=OUR_CLIENT,
            checks=[
                call("GET /", ["{uri}/"], r"libcoap"),
                call("PUT of a new path", ["{uri}/made", "-m", "put", "--payload", "one"]),
                call("GET of what was put", ["{uri}/made"], r"^one$"),
                call("PUT of 5000 bytes", ["{uri}/made", "-m", "put", "--payload", FIVE_THOUSAND]),
                call("GET of 5000 bytes", ["{uri}/made"], rf"^{FIVE_THOUSAND}$"),
                call("PUT of 100 KiB", ["{uri}/made", "-m", "put", "--payload", HUGE]),
                call("GET of 100 KiB", ["{uri}/made"], rf"^{HUGE}$"),
                call("DELETE", ["{uri}/made", "-m", "delete"]),
                call("GET of what was deleted fails with 4.04", ["{uri}/made"], r"4\.04", status=1),
                call("observe /time, 3 notifications", ["{uri}/time", "--observe", "3"], r"(?s)(:\d\d\b.*?){3}"),
                call("GET /async is answered a second later", ["{uri}/async?1"], r"^done$"),
                # no `call`: libcoap's server makes no requests
            ],
        ),
    ]


# 4.3.1 loses most of what it is sent in BERT blocks.
LIBCOAP_NEXT = ["{root}/.peers/libcoap-next/run"]
ten_mebibytes = [
    Scene(
        "libcoap-next",
        TO_OURS,
        our_server("coap-server", "--verbose"),
        client=[*LIBCOAP_NEXT, "coap-client-notls"],
        checks=[
            Check("PUT of 10 MiB, digest compared", bodies.their_put),
            Check("GET of 10 MiB, bytes compared", bodies.their_get),
        ],
    ),
    Scene(
        "libcoap-next",
        FROM_OURS,
        libcoap_server(LIBCOAP_NEXT),
        client=[*bodies.TIME, *OUR_CLIENT],
        checks=[
            Check("PUT of 10 MiB", bodies.our_put),
            Check("GET of those 10 MiB, bytes compared", bodies.our_get),
        ],
    ),
]


# ---- aiocoap, go-coap, java-coap: the programs in peers/, which share their steps

STEPS = {
    "get": "GET",
    "echo": "POST of 5000 bytes",
    "huge": "POST of 100 KiB, echoed",
    "large": "GET of 5000 bytes",
    "tick": "observe, 3 notifications, cancel",
    "ping": "Ping is answered",
    "call": "our GET to them while theirs is open",
}


def without(*names):
    return {name: what for name, what in STEPS.items() if name not in names}


def to_ours(peer, client, table, *args, slow=()):
    return [
        Scene(peer, direction, server, client=client, checks=steps(table, *args, slow=slow))
        for direction, server in OUR_SERVERS.items()
    ]


def from_ours(peer, server, *more):
    return Scene(
        peer,
        FROM_OURS,
        server,
        client=OUR_CLIENT,
        checks=[
            call("GET", ["{uri}/test"], r"^hello$"),
            call("POST", ["{uri}/echo", "-m", "post", "--payload", "to and fro"], r"^to and fro$"),
            call("PUT", ["{uri}/echo", "-m", "put", "--payload", "to and fro"], r"^to and fro$"),
            call("observe, 3 notifications, cancel", ["{uri}/tick", "--observe", "3"], r"(?s)(^tick\b.*?){3}"),
            call("their GET to us while ours is open", ["{uri}/call", "-m", "post", "--payload", "/device"], r"(2\.05|205|Content) \S"),
            *more,
        ],
    )


LARGE_GET = call("GET of 5000 bytes", ["{uri}/large"], rf"^{FIVE_THOUSAND}$")
LARGE_POST = call("POST of 5000 bytes", ["{uri}/echo", "-m", "post", "--payload", FIVE_THOUSAND], rf"^{FIVE_THOUSAND}$")
HUGE_POST = call("POST of 100 KiB, echoed", ["{uri}/echo", "-m", "post", "--payload", HUGE], rf"^{HUGE}$")
UNKNOWN = call("GET of an unknown path fails with 4.04", ["{uri}/no/such"], r"4\.04", status=1)

AIOCOAP = ["{root}/.peers/aiocoap/bin/python", "{root}/interop/peers/aiocoap/peer.py"]
# TLS, ws and wss take ports of their own.
AIOCOAP_SERVER = Server([*AIOCOAP, "server", "{host}", "{port}"], "^listening", (0, 1, 3000, 3001))
aiocoap = [
    # Its client has no Ping.
    *to_ours("aiocoap", AIOCOAP, without("ping"), "client", "{uri}"),
    from_ours(
        "aiocoap",
        AIOCOAP_SERVER,
        LARGE_GET,
        LARGE_POST,
        HUGE_POST,
        UNKNOWN,
    ),
]

GOCOAP = "{root}/.peers/gocoap"
GOCOAP_SERVER = Server([f"{GOCOAP}/server", "-listen", "{host}:{port}"], "listening on")
gocoap = [
    # Its CSM has no option, so that all that is large goes in blocks of 1024.
    *to_ours("gocoap", [f"{GOCOAP}/client"], {**STEPS, "idle": "our Pongs keep 20 s of silence open"}, "{host}:{port}", slow=("idle",)),
    from_ours(
        "gocoap",
        GOCOAP_SERVER,
        # In blocks as well, both ways.
        LARGE_GET,
        LARGE_POST,
        HUGE_POST,
        UNKNOWN,
        call("our Pongs keep 20 s open until a late answer", ["{uri}/late", "--timeout", "28"], "^late$", seconds=30),
    ),
]

JAVACOAP = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", "{root}/.peers/javacoap/classes:{root}/.peers/javacoap/lib/*", "Peer"]
JAVACOAP_SERVER = Server([*JAVACOAP, "server", "{host}", "{port}"], "^listening")
javacoap = [
    *to_ours("javacoap", JAVACOAP, STEPS, "client", "{host}", "{port}"),
    from_ours(
        "javacoap",
        JAVACOAP_SERVER,
        LARGE_GET,
        LARGE_POST,
        # no 100 KiB: of an answer to a POST its server keeps nothing, and makes the later blocks from an empty request
        UNKNOWN,
    ),
    Scene(
        "javacoap",
        TO_OURS,
        our_registry("--format", "text"),
        device=[*JAVACOAP, "device", "{host}", "{port}", "/rd"],
        checks=[
            hears("registered", "server", r"^registered java-coap .*lt=60\b.*lwm2m=1\.1\b"),
            hears("read of /3/0/0", "server", r"^read java-coap /3/0/0 2\.05 = .*java-coap"),
            hears("observation of /3303/0/5700", "server", r"^observing java-coap /3303/0/5700\b"),
            hears("2 notifications", "server", r"(?s)(^notify java-coap /3303/0/5700 = [^\n]*20\.\d.*?){2}"),
            # no Update (after 60 s only) and no De-register: the device is just ended
        ],
    ),
]

# ---- Leshan: `run.sh server` and `run.sh client` take commands on stdin and print a JSON object a line

LESHAN = ["env", "OUT={root}/.peers/leshan", "{root}/interop/peers/leshan/run.sh"]


def leshan_reads(what, path, form, reply):
    return hears(
        what,
        "server",
        rf'"cmd":"read ours {path} {form}","ms":\d+,"code":"2\.05",{reply}',
        say=("server", f"read ours {path} {form}"),
    )


leshan = [
    Scene(
        "leshan",
        FROM_OURS,
        Server(
            [*LESHAN, "server", "--port", "0", "--models", "{root}/interop/peers/leshan/models"],
            r'"event":"started","uri":"(coap\+tcp://[^"]+)"',
            seconds=30,
        ),
        device=["{ours}/lwm2m-device", "--server", "{uri}", "--endpoint", "ours", "--lifetime", "60", "--for", "20"],
        checks=[
            hears("registered with ep, lt, lwm2m, b", "server", r'"event":"registered","client":\{"ep":"ours",.*"lt":60,"lwm2m":"1\.1","b":"[UTS]*T', seconds=30),
            # Leshan tells of a registration before it sends the 2.01.
            hears("our device has its 2.01", "device", r"^registered$"),
            leshan_reads("read of /3/0 without Accept is SenML CBOR", "/3/0", "-", r'"format":112,"content":\{.*"/3/0/0":"[^"]+"'),
            leshan_reads("read of /3/0 as TLV", "/3/0", "TLV", r'"format":11542,"content":\{.*"/3/0/0":"[^"]+"'),
            leshan_reads("read of /3/0/0 as text", "/3/0/0", "TEXT", r'"format":0,"content":\{"/3/0/0":"[^"]+"'),
            leshan_reads("read of /3/0/0 as SenML CBOR", "/3/0/0", "SENML_CBOR", r'"format":112,"content":\{"/3/0/0":"[^"]+"'),
            hears(
                "observation of /3303/0/5700",
                "server",
                r'"cmd":"observe ours /3303/0/5700","ms":\d+,"code":"2\.05",.*"/3303/0/5700":-?\d',
                say=("server", "observe ours /3303/0/5700"),
            ),
            hears("2 notifications", "server", r'(?s)("event":"notify","ep":"ours","path":"/3303/0/5700",[^\n]*"/3303/0/5700":-?\d.*?){2}'),
            hears("unregistered at the end", "server", r'"event":"unregistered","ep":"ours",.*"expired":false', seconds=30),
            ends("our device ends well", "device", 10),
        ],
    ),
    Scene(
        "leshan",
        TO_OURS,
        our_registry("--read", "/3/0/0", "--observe", "/3442/0/120"),
        device=[*LESHAN, "client", "--uri", "{uri}", "--ep", "leshan", "--lifetime", "60"],
        checks=[
            hears("registered with ep, lt, lwm2m", "server", r"^registered leshan .*lt=60\b.*lwm2m=1\.1\b", seconds=30),
            hears("the client knows that it is", "device", '"event":"registrationSuccess"'),
            hears("read of /3/0/0", "server", r"^read leshan /3/0/0 2\.05 = .*Interop"),
            hears("observation of /3442/0/120", "server", r"^observing leshan /3442/0/120\b"),
            hears("a notification", "server", r"^notify leshan /3442/0/120 = .*\b4711\b", say=("device", "set /3442/0/120 4711")),
            hears("another one", "server", r"^notify leshan /3442/0/120 = .*-4712\b", say=("device", "set /3442/0/120 -4712")),
            hears("update", "server", r"^updated leshan\b", say=("device", "update")),
            hears("deregistered", "server", r"^deregistered leshan\b", say=("device", "quit")),
            hears("the client knows that it is no more", "device", '"event":"deregistrationSuccess"'),
        ],
    ),
]

# ---- the prober in our place, and against ourselves


def probed_server(peer, server, path, name=None):
    name = name or f"{peer}-server"
    return Scene(peer, "<- probe", server, checks=[Check(f"verdicts as in {name}", probe_server(name, path))])


def probed_client(peer, *command):
    name = f"{peer}-client"
    return Scene(peer, "-> probe", None, checks=[Check(f"verdicts as in {name}", probe_client(name, command))])


probed = [
    probed_server("libcoap", libcoap_server([]), "/.well-known/core"),
    probed_server("libcoap-next", libcoap_server(LIBCOAP_NEXT), "/.well-known/core"),
    probed_server("aiocoap", AIOCOAP_SERVER, "/large"),
    probed_server("gocoap", GOCOAP_SERVER, "/large"),
    probed_server("javacoap", JAVACOAP_SERVER, "/large"),
    probed_client("libcoap", "coap-client-notls", "-B", "15", "{uri}/test"),
    probed_client("libcoap-next", *LIBCOAP_NEXT, "coap-client-notls", "-B", "15", "{uri}/test"),
    probed_client("aiocoap", *AIOCOAP, "client", "{uri}", "get"),
    probed_client("gocoap", f"{GOCOAP}/client", "{host}:{port}", "get"),
    probed_client("javacoap", *JAVACOAP, "client", "{host}", "{port}", "get"),
    probed_server(OURSELVES, OUR_SERVERS[TO_OURS], "/large"),
    probed_server(OURSELVES, OUR_SERVERS[TO_MIO], "/large", "ourselves-mio-server"),
    probed_client(OURSELVES, *OUR_CLIENT, "{uri}/test"),
]

SCENES = [
    # The longest first.
    *probed,
    *libcoap("libcoap", []),
    *libcoap("libcoap-next", LIBCOAP_NEXT),
    *ten_mebibytes,
    *aiocoap,
    *gocoap,
    *javacoap,
    *leshan,
]
