import com.fasterxml.jackson.databind.ObjectMapper;
import com.mbed.coap.packet.*;
import com.mbed.coap.server.filter.TokenGeneratorFilter;
import com.mbed.coap.transport.*;
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import javax.net.ssl.*;
import org.eclipse.californium.core.coap.*;
import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.core.network.*;
import org.eclipse.californium.core.network.serialization.*;
import org.eclipse.californium.core.observe.ObserveRelation;
import org.eclipse.californium.core.server.MessageDeliverer;
import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.core.model.*;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;
import org.eclipse.leshan.core.node.*;
import org.eclipse.leshan.core.peer.*;
import org.eclipse.leshan.transport.californium.identity.IdentityHandler;

/**
 * Joins the two published halves: Leshan's mapping between LwM2M and CoAP messages (written for Californium) and the
 * RFC 8323 stack of java-coap. A message crosses between the libraries as the bytes of its TCP form, so that nothing is
 * lost or added here.
 */
final class Bridge {
    static final Configuration CF;
    static {
        CoapConfig.register();
        CF = new Configuration();
    }
    static final TransportContext.Key<String> PEER_CN = new TransportContext.Key<>(null);

    // ---- messages ----

    static Message toCf(CoapPacket p) {
        try {
            HeaderOptions h = p.headers().duplicate(); // java-coap has put the blocks together already
            h.setBlock1Req(null);
            h.setBlock2Res(null);
            p.setHeaderOptions(h);
            return new TcpDataParser().parseMessage(CoapTcpPacketSerializer.serialize(p));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static Request toCf(CoapRequest q) {
        return (Request) toCf(CoapTcpPacketConverter.toCoapPacket(q));
    }

    static Response toCf(SeparateResponse r) {
        return (Response) toCf(CoapTcpPacketConverter.toCoapPacket(r));
    }

    static CoapPacket toJc(Message m, InetSocketAddress peer) {
        try {
            byte[] b = new TcpDataSerializer().getByteArray(m);
            return CoapTcpPacketSerializer.deserialize(peer, new ByteArrayInputStream(b));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static final AtomicLong COUNT = new AtomicLong(System.nanoTime() & 0xffff);
    static final TokenGeneratorFilter TOKENS = new TokenGeneratorFilter(() -> Opaque.of(nextToken()));

    /** Unique tokens of 4 or 8 bytes in turn. */
    static byte[] nextToken() {
        long n = COUNT.incrementAndGet();
        java.nio.ByteBuffer b = java.nio.ByteBuffer.allocate(n % 2 == 0 ? 4 : 8);
        return (b.capacity() == 4 ? b.putInt((int) n) : b.putLong(n)).array();
    }

    // ---- requests that arrive: java-coap -> Californium resource tree -> java-coap ----

    private final Map<Exchange, CompletableFuture<CoapResponse>> open = new ConcurrentHashMap<>();
    final Endpoint endpoint;
    MessageDeliverer deliverer;
    com.mbed.coap.utils.Service<SeparateResponse, Boolean> notifier;

    /** Californium's resources answer to an Endpoint; this one hands the answers to java-coap. */
    Bridge(Supplier<URI> uri) {
        endpoint = (Endpoint) java.lang.reflect.Proxy.newProxyInstance(Bridge.class.getClassLoader(),
                new Class<?>[] { Endpoint.class }, (self, m, a) -> {
                    switch (m.getName()) {
                    case "sendResponse":
                        answer((Exchange) a[0], (Response) a[1]);
                        return null;
                    case "getUri":
                        return uri.get();
                    case "getConfig":
                        return CF;
                    case "isStarted":
                        return true;
                    case "hashCode":
                        return System.identityHashCode(self);
                    case "equals":
                        return self == a[0];
                    default:
                        return null;
                    }
                });
    }

    CompletableFuture<CoapResponse> inbound(CoapRequest q) {
        Request r = toCf(q);
        r.setType(CoAP.Type.CON); // TCP has no types; the resources ask for CON
        String cn = q.getTransContext(PEER_CN);
        Principal who = cn == null ? null : new javax.security.auth.x500.X500Principal("CN=" + cn);
        r.setSourceContext(new AddressEndpointContext(q.getPeerAddress(), who));
        Exchange ex = new Exchange(r, q.getPeerAddress(), Exchange.Origin.REMOTE, null);
        ex.setEndpoint(endpoint);
        CompletableFuture<CoapResponse> f = new CompletableFuture<>();
        open.put(ex, f);
        deliverer.deliverRequest(ex);
        return f;
    }

    private void answer(Exchange ex, Response r) {
        ObserveRelation rel = ex.getRelation();
        ObserveRelation.onResponse(rel, r);
        r.setToken(ex.getRequest().getToken());
        CoapPacket p = toJc(r, ex.getRequest().getSourceContext().getPeerAddress());
        CompletableFuture<CoapResponse> first = open.remove(ex);
        if (first != null) {
            first.complete(p.toCoapResponse());
            r.setConfirmable(true);
            r.acknowledge(); // Bootstrap-Finish waits for it
        } else {
            notifier.apply(p.toSeparateResponse()).whenComplete((ok, err) -> {
                if (err != null && rel != null)
                    rel.cancel();
            });
        }
        if (rel != null && first == null && !r.isNotification())
            rel.cancel();
    }

    /** Peer identity: address, or the CN of its certificate on TLS. */
    static final IdentityHandler IDENTITY = new IdentityHandler() {
        @Override
        public LwM2mPeer getIdentity(Message m) {
            InetSocketAddress a = m.getSourceContext().getPeerAddress();
            Principal p = m.getSourceContext().getPeerIdentity();
            return p == null ? new IpPeer(a) : new IpPeer(a, new X509Identity(p.getName().substring(3)));
        }

        @Override
        public org.eclipse.californium.elements.EndpointContext createEndpointContext(LwM2mPeer c, boolean initiate) {
            return new AddressEndpointContext(((IpPeer) c).getSocketAddress());
        }
    };

    // ---- server transport: java-coap ships a client transport only ----

    static final class ServerTransport implements CoapTcpTransport {
        private final ServerSocket listen;
        private final Map<InetSocketAddress, Socket> peers = new ConcurrentHashMap<>();
        private final BlockingQueue<CoapPacket> inbox = new LinkedBlockingQueue<>();
        private final ExecutorService reader = Executors.newSingleThreadExecutor(daemon("dispatch"));
        private CoapTcpListener listener;

        ServerTransport(InetSocketAddress at, SSLContext tls, String[] versions) throws IOException {
            listen = tls == null ? new ServerSocket() : tls.getServerSocketFactory().createServerSocket();
            if (listen instanceof SSLServerSocket) {
                ((SSLServerSocket) listen).setNeedClientAuth(true);
                ((SSLServerSocket) listen).setEnabledProtocols(versions);
            }
            listen.setReuseAddress(true);
            listen.bind(at);
        }

        @Override
        public void start() {
            daemon("accept").newThread(() -> {
                while (!listen.isClosed()) {
                    try {
                        Socket s = listen.accept();
                        daemon("conn").newThread(() -> serve(s)).start();
                    } catch (IOException e) {
                        Json.print("event", "accept-error", "error", e.toString());
                    }
                }
            }).start();
        }

        private void serve(Socket s) {
            InetSocketAddress peer = (InetSocketAddress) s.getRemoteSocketAddress();
            String why = "eof";
            try {
                s.setTcpNoDelay(true);
                TransportContext ctx = TransportContext.EMPTY;
                if (s instanceof SSLSocket) {
                    ((SSLSocket) s).startHandshake();
                    String dn = ((SSLSocket) s).getSession().getPeerPrincipal().getName();
                    ctx = ctx.with(PEER_CN, dn.replaceFirst(".*CN=([^,]*).*", "$1"));
                }
                peers.put(peer, s);
                Json.print("event", "connected", "peer", peer.toString(), "cn", ctx.get(PEER_CN));
                listener.onConnected(peer);
                InputStream in = new BufferedInputStream(s.getInputStream());
                while (true) {
                    CoapPacket p = CoapTcpPacketSerializer.deserialize(peer, in);
                    p.setTransportContext(ctx);
                    if (p.getCode() != null && p.getCode().isSignaling())
                        Json.print("event", "signal", "peer", peer.toString(), "msg", p.toString(true));
                    inbox.add(p);
                }
            } catch (EOFException e) {
                // closed by the peer
            } catch (Throwable e) {
                why = e.toString();
            }
            close(s);
            if (peers.remove(peer, s))
                listener.onDisconnected(peer);
            Json.print("event", "disconnected", "peer", peer.toString(), "why", why);
        }

        /** Closes every connection whose peer address ends with the text ("" for all), by FIN or by RST. */
        int drop(String suffix, boolean reset) {
            int n = 0;
            for (Map.Entry<InetSocketAddress, Socket> e : peers.entrySet())
                if (e.getKey().toString().endsWith(suffix)) {
                    try {
                        e.getValue().setSoLinger(reset, 0);
                    } catch (SocketException x) {
                        // closed already
                    }
                    close(e.getValue());
                    n++;
                }
            return n;
        }

        @Override
        public CompletableFuture<Boolean> sendPacket(CoapPacket p) {
            Socket s = peers.get(p.getRemoteAddress());
            CompletableFuture<Boolean> f = new CompletableFuture<>();
            if (s == null) {
                f.completeExceptionally(new IOException("not connected: " + p.getRemoteAddress()));
                return f;
            }
            try {
                byte[] b = CoapTcpPacketSerializer.serialize(p);
                synchronized (s) {
                    s.getOutputStream().write(b);
                    s.getOutputStream().flush();
                }
                f.complete(true);
            } catch (Exception e) {
                close(s);
                f.completeExceptionally(e);
            }
            return f;
        }

        @Override
        public CompletableFuture<CoapPacket> receive() {
            return CompletableFuture.supplyAsync(() -> {
                try {
                    return inbox.take();
                } catch (InterruptedException e) {
                    throw new CompletionException(e);
                }
            }, reader);
        }

        @Override
        public void stop() {
            try {
                listen.close();
            } catch (IOException e) {
                // going away
            }
            drop("", false);
            reader.shutdownNow();
        }

        @Override
        public InetSocketAddress getLocalSocketAddress() {
            return (InetSocketAddress) listen.getLocalSocketAddress();
        }

        @Override
        public void setListener(CoapTcpListener l) {
            listener = l;
        }
    }

    static void close(Closeable c) {
        try {
            c.close();
        } catch (IOException e) {
            // gone already
        }
    }

    static ThreadFactory daemon(String name) {
        return r -> {
            Thread t = new Thread(r, name);
            t.setDaemon(true);
            return t;
        };
    }

    // ---- certificates in PEM, key in PKCS#8 PEM ----

    static X509Certificate[] certs(String file) throws Exception {
        try (InputStream in = Files.newInputStream(Paths.get(file))) {
            return CertificateFactory.getInstance("X.509").generateCertificates(in).toArray(new X509Certificate[0]);
        }
    }

    static PrivateKey key(String file) throws Exception {
        String pem = Files.readString(Paths.get(file));
        byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
        try {
            return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
        } catch (GeneralSecurityException e) {
            return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der));
        }
    }

    /** Version: what a client offers at most; the server transport sets its own list. */
    static SSLContext tls(String version, Certificate[] chain, PrivateKey key, Certificate... trusted)
            throws Exception {
        char[] pw = "x".toCharArray();
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, pw);
        own.setKeyEntry("own", key, pw, chain);
        KeyManagerFactory k = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        k.init(own, pw);
        KeyStore ca = KeyStore.getInstance("PKCS12");
        ca.load(null, pw);
        for (int i = 0; i < trusted.length; i++)
            ca.setCertificateEntry("t" + i, trusted[i]);
        TrustManagerFactory t = TrustManagerFactory.getInstance("PKIX");
        t.init(ca);
        SSLContext c = SSLContext.getInstance(version);
        c.init(k.getKeyManagers(), t.getTrustManagers(), null);
        return c;
    }

    // ---- models: the standard objects, a test object with one resource per type, and a folder of DDF files ----

    static List<ObjectModel> models(String dir) {
        List<ObjectModel> all = new ArrayList<>(ObjectLoader.loadAllDefault());
        List<ResourceModel> rs = new ArrayList<>();
        int[] id = { 110, 120, 125, 130, 140, 150, 160, 170 };
        Type[] type = { Type.STRING, Type.INTEGER, Type.UNSIGNED_INTEGER, Type.FLOAT, Type.BOOLEAN, Type.OPAQUE,
                Type.TIME, Type.OBJLNK };
        for (int i = 0; i < id.length; i++) {
            rs.add(new ResourceModel(id[i], type[i] + " value", Operations.RW, false, false, type[i], "", "", ""));
            rs.add(new ResourceModel(1000 + id[i], type[i] + " list", Operations.RW, true, false, type[i], "", "", ""));
        }
        rs.add(new ResourceModel(3, "execute", Operations.E, false, false, Type.NONE, "", "", ""));
        all.add(new ObjectModel(3442, "test", "", "1.0", true, false, rs));
        if (dir != null)
            all.addAll(ObjectLoader.loadObjectsFromDir(new File(dir), false));
        return all;
    }

    // ---- one JSON object per line on stdout ----

    static final class Json {
        private static final ObjectMapper M = new ObjectMapper();

        static void print(Object... kv) {
            Map<String, Object> m = new LinkedHashMap<>();
            for (int i = 0; i < kv.length; i += 2)
                if (kv[i + 1] != null)
                    m.put((String) kv[i], kv[i + 1]);
            try {
                String line = M.writeValueAsString(m);
                synchronized (System.out) {
                    System.out.println(line);
                    System.out.flush();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** path -> value, the tree made flat */
        static Map<String, Object> flat(String path, LwM2mNode n) {
            Map<String, Object> out = new TreeMap<>();
            flat(path.equals("/") ? "" : path, n, out);
            return out;
        }

        private static void flat(String p, LwM2mNode n, Map<String, Object> out) {
            if (n instanceof LwM2mRoot)
                ((LwM2mRoot) n).getObjects().forEach((i, c) -> flat(p + "/" + i, c, out));
            else if (n instanceof LwM2mObject)
                ((LwM2mObject) n).getInstances().forEach((i, c) -> flat(p + "/" + i, c, out));
            else if (n instanceof LwM2mObjectInstance)
                ((LwM2mObjectInstance) n).getResources().forEach((i, c) -> flat(p + "/" + i, c, out));
            else if (n instanceof LwM2mResource && ((LwM2mResource) n).isMultiInstances())
                ((LwM2mResource) n).getInstances().forEach((i, c) -> flat(p + "/" + i, c, out));
            else if (n instanceof LwM2mResource)
                out.put(p, value(((LwM2mResource) n).getValue()));
            else if (n instanceof LwM2mResourceInstance)
                out.put(p, value(((LwM2mResourceInstance) n).getValue()));
        }

        static Map<String, Object> flat(Map<LwM2mPath, LwM2mNode> nodes) {
            Map<String, Object> out = new TreeMap<>();
            if (nodes != null)
                nodes.forEach((p, n) -> out.putAll(n == null ? Map.of(p.toString(), "none") : flat(p.toString(), n)));
            return out;
        }

        private static Object value(Object v) {
            if (v instanceof byte[])
                return HexFormat.of().formatHex((byte[]) v);
            if (v instanceof Date)
                return ((Date) v).getTime() / 1000;
            if (v instanceof ObjectLink)
                return ((ObjectLink) v).getObjectId() + ":" + ((ObjectLink) v).getObjectInstanceId();
            return v instanceof String || v instanceof Boolean || v instanceof Long || v instanceof Double ? v
                    : String.valueOf(v);
        }
    }

    /** --name value pairs and --flag */
    static Map<String, String> args(String[] a) {
        Map<String, String> m = new HashMap<>();
        for (int i = 0; i < a.length; i++) {
            boolean val = i + 1 < a.length && !a[i + 1].startsWith("--");
            m.put(a[i].substring(2), val ? a[++i] : "true");
        }
        return m;
    }
}
