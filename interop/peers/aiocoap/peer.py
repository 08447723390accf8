"""aiocoap as an interop peer over TCP, TLS, WebSocket and secure WebSocket.

    peer.py server 127.0.0.1 5683 [--cert server.pem --key server.key]
        TCP on 5683, TLS on 5684, coap+ws on 8683, coaps+ws on 8684 (always the first port +1, +3000, +3001)
    peer.py client coap+ws://127.0.0.1:8683 [get echo huge large tick call] [--ca ca.pem]
        a step may name another path: get:/time

Both take --psk IDENTITY:KEY instead of certificates on Python 3.13 and later.

Server resources: GET /test, POST|PUT /echo, GET /large (5000 bytes), GET /tick (observable, every 200 ms),
POST /call (payload = path that the server GETs from the client on the same connection).
"""

import argparse
import asyncio
import ssl
import sys

from aiocoap import CHANGED, Context, GET, Message, POST
from aiocoap.resource import ObservableResource, Resource, Site


class Answer(Resource):
    def __init__(self, body):
        super().__init__()
        self.body = body

    async def render_get(self, request):
        return Message(payload=self.body, content_format=0)


class Echo(Resource):
    async def render_post(self, request):
        return Message(code=CHANGED, payload=request.payload)

    render_put = render_post


class Tick(ObservableResource):
    count = 0

    async def run(self):
        while True:
            await asyncio.sleep(0.2)
            self.count += 1
            self.updated_state()

    async def render_get(self, request):
        return Message(payload=b"tick %d" % self.count, content_format=0)


class Call(Resource):
    def __init__(self, context):
        super().__init__()
        self.context = context

    async def render_post(self, request):
        back = Message(code=GET)
        back.opt.uri_path = request.payload.decode().strip("/").split("/")
        back.remote = request.remote
        answer = await self.context.request(back, handle_blockwise=False).response
        return Message(code=CHANGED, payload=str(answer.code).encode() + b" " + answer.payload)


def with_psk(tls, args, server):
    """A pre-shared key in place of certificates."""
    identity, key = args.psk.split(":", 1)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.set_ciphers("PSK:@SECLEVEL=0")
    tls.set_alpn_protocols(["coap"])
    if server:
        tls.set_psk_server_callback(lambda who: key.encode() if who == identity else b"", "hint")
    else:
        tls.set_psk_client_callback(lambda hint: (identity, key.encode()))
    return tls


async def server(args):
    tls = None
    if args.psk:
        tls = with_psk(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), args, True)
    elif args.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=args.ca)
        tls.load_cert_chain(args.cert, args.key)
        tls.set_alpn_protocols(["coap"])
        if args.ca:
            tls.verify_mode = ssl.CERT_REQUIRED
    context = await Context.create_server_context(
        None, bind=(args.args[0], int(args.args[1])), transports=["tcpserver", "tlsserver", "ws"], _ssl_context=tls
    )
    tick, site = Tick(), Site()
    for path, resource in (
        ("test", Answer(b"hello")),
        ("large", Answer(b"0123456789" * 500)),
        ("echo", Echo()),
        ("tick", tick),
        ("call", Call(context)),
    ):
        site.add_resource([path], resource)
    context.serversite = site
    print("listening", flush=True)
    await tick.run()


async def client(args):
    base, steps = args.args[0], args.args[1:] or ["get", "echo", "large", "tick", "call"]
    context = await Context.create_client_context(transports=["tcpclient", "tlsclient", "ws"])
    context.serversite = Site()
    context.serversite.add_resource(["device"], Answer(b"aiocoap device"))
    if args.psk:
        context.client_credentials.ssl_client_context = lambda scheme, host: with_psk(
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), args, False
        )
    elif args.ca:
        # 0.4.17 finds a certificate under the exact scheme and host only, not under "coaps+tcp://*"
        context.client_credentials.load_from_dict({base + "/*": {"tlscert": {"certfile": args.ca}}})
    failed = 0
    for named in steps:
        step, _, path = named.partition(":")
        path = path.strip("/") or ("test" if step == "get" else step)
        if step == "huge":
            path = "echo"
        length = {"echo": 5000, "large": 5000, "huge": 100 * 1024}.get(step)
        request = Message(code=POST if step in ("echo", "huge", "call") else GET, uri=f"{base}/{path}")
        if request.code == POST:
            request.payload = b"device" if step == "call" else (b"abcdefghij" * length)[:length]
        try:
            if step == "tick":
                request.opt.observe = 0
                pending = context.request(request)
                seen = [(await asyncio.wait_for(pending.response, 4)).opt.observe]
                async with asyncio.timeout(4):
                    async for notification in pending.observation:
                        seen.append(notification.opt.observe)
                        if len(seen) == 4:
                            break
                pending.observation.cancel()
                await asyncio.sleep(0.3)
                detail = f"observe values {seen}"
            else:
                answer = await asyncio.wait_for(context.request(request).response, 4)
                detail = f"{answer.code} {len(answer.payload)} bytes {answer.payload[:30]!r}"
                if length and len(answer.payload) != length or step == "huge" and answer.payload != request.payload:
                    raise ValueError(detail)
            print("ok  ", step, detail, flush=True)
        except Exception as e:
            failed = 1
            print("FAIL", step, type(e).__name__, e, flush=True)
    await context.shutdown()
    return failed


def main():
    p = argparse.ArgumentParser()
    p.add_argument("role", choices=["server", "client"])
    p.add_argument("args", nargs="+")
    for name in ("--cert", "--key", "--ca", "--psk"):
        p.add_argument(name)
    args = p.parse_args()
    sys.exit(asyncio.run((server if args.role == "server" else client)(args)))


if __name__ == "__main__":
    main()
