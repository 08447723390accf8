// go-coap as an interop server over TCP or TLS.
//
//	server -listen 127.0.0.1:5683
//	server -listen 127.0.0.1:5684 -cert server.pem -key server.key [-ca ca.pem]
//
// Resources: GET /test, POST|PUT /echo, GET /large (5000 bytes), GET /tick (observable, every 200 ms),
// GET /late (answered after 20 s, with nothing but go-coap's own Pings in between),
// POST /call (payload = a path; the server GETs it back on the same connection and answers what it got).
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/tcp"
	"github.com/plgd-dev/go-coap/v3/tcp/client"
	tcpServer "github.com/plgd-dev/go-coap/v3/tcp/server"
)

func answer(w mux.ResponseWriter, code codes.Code, body []byte) {
	if err := w.SetResponse(code, message.TextPlain, bytes.NewReader(body)); err != nil {
		log.Print(err)
	}
}

var observers sync.Map // connection and token -> cancel function

func tick(w mux.ResponseWriter, r *mux.Message) {
	cc, token := w.Conn(), bytes.Clone(r.Token())
	key := fmt.Sprintf("%v %x", cc.RemoteAddr(), token)
	if old, ok := observers.LoadAndDelete(key); ok {
		old.(context.CancelFunc)()
	}
	if obs, err := r.Options().Observe(); err != nil || obs != 0 {
		answer(w, codes.Content, []byte("tick"))
		return
	}
	ctx, cancel := context.WithCancel(cc.Context())
	observers.Store(key, cancel)
	go func() {
		for n := uint32(2); ctx.Err() == nil && n < 1000; n++ {
			m := cc.AcquireMessage(cc.Context())
			m.SetCode(codes.Content)
			m.SetToken(token)
			m.SetObserve(n)
			m.SetContentFormat(message.TextPlain)
			m.SetBody(bytes.NewReader(fmt.Appendf(nil, "tick %d", n)))
			if cc.WriteMessage(m) != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	}()
}

func late(w mux.ResponseWriter, r *mux.Message) {
	cc, token := w.Conn(), bytes.Clone(r.Token())
	time.AfterFunc(20*time.Second, func() {
		m := cc.AcquireMessage(cc.Context())
		m.SetCode(codes.Content)
		m.SetToken(token)
		m.SetContentFormat(message.TextPlain)
		m.SetBody(bytes.NewReader([]byte("late")))
		if err := cc.WriteMessage(m); err != nil {
			log.Print("late: ", err)
		}
	})
}

func call(w mux.ResponseWriter, r *mux.Message) {
	path, _ := r.ReadBody()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	back, err := w.Conn().Get(ctx, string(path))
	if err != nil {
		answer(w, codes.BadGateway, []byte(err.Error()))
		return
	}
	body, _ := back.ReadBody()
	answer(w, codes.Changed, fmt.Appendf(nil, "%v %s", back.Code(), body))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:5683", "address")
	cert := flag.String("cert", "", "PEM certificate: speak TLS")
	key := flag.String("key", "", "PEM key")
	ca := flag.String("ca", "", "PEM CA: require a client certificate")
	csm := flag.Bool("csm", true, "send a CSM")
	flag.Parse()
	router := mux.NewRouter()
	handle := func(path string, h mux.HandlerFunc) { _ = router.Handle(path, h) }
	handle("/test", func(w mux.ResponseWriter, _ *mux.Message) { answer(w, codes.Content, []byte("hello")) })
	handle("/large", func(w mux.ResponseWriter, _ *mux.Message) {
		answer(w, codes.Content, bytes.Repeat([]byte("0123456789"), 500))
	})
	handle("/echo", func(w mux.ResponseWriter, r *mux.Message) {
		var body []byte
		if r.Body() != nil {
			body, _ = io.ReadAll(r.Body())
		}
		answer(w, codes.Changed, body)
	})
	handle("/tick", tick)
	handle("/late", late)
	handle("/call", call)
	opts := []tcpServer.Option{options.WithMux(router), options.WithErrors(func(err error) { log.Print("error: ", err) }),
		options.WithRequestMonitor(func(cc *client.Conn, m *pool.Message) (bool, error) { log.Print("in: ", m); return false, nil })}
	if !*csm {
		opts = append(opts, options.WithDisableTCPSignalMessageCSM())
	}
	var l tcpServer.Listener
	var err error
	if *cert == "" {
		l, err = net.NewTCPListener("tcp", *listen)
	} else {
		pair, e := tls.LoadX509KeyPair(*cert, *key)
		if e != nil {
			log.Fatal(e)
		}
		conf := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"coap"}}
		if *ca != "" {
			conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
			pem, _ := os.ReadFile(*ca)
			conf.ClientCAs.AppendCertsFromPEM(pem)
		}
		l, err = net.NewTLSListener("tcp", *listen, conf)
	}
	if err != nil {
		log.Fatal(err)
	}
	log.Print("listening on ", *listen)
	log.Fatal(tcp.NewServer(opts...).Serve(l))
}
