// go-coap as an interop client over TCP or TLS: one line per step, exit code 1 if any failed.
//
//	client [-ca ca.pem] [-cert client.pem -key client.key] 127.0.0.1:5683 [get echo huge large tick ping call]
//
// A step may name another path: get:/time, tick:/time. Step "idle" is 20 s of silence and then a GET: go-coap pings
// meanwhile and closes the connection after 16 s without a Pong.
//
// While it runs it serves GET /device to the peer on the same connection.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/tcp"
)

func body(m *pool.Message, err error) (string, error) {
	if err != nil {
		return "", err
	}
	b, err := m.ReadBody()
	return fmt.Sprintf("%v %d bytes %.20q", m.Code(), len(b), b), err
}

func main() {
	ca, cert, key := flag.String("ca", "", "CA"), flag.String("cert", "", "certificate"), flag.String("key", "", "key")
	wait := flag.Duration("csm-wait", 0, "refuse a peer that sends no CSM within this time")
	flag.Parse()
	router := mux.NewRouter()
	_ = router.Handle("/device", mux.HandlerFunc(func(w mux.ResponseWriter, _ *mux.Message) {
		_ = w.SetResponse(codes.Content, message.TextPlain, bytes.NewReader([]byte("go-coap device")))
	}))
	opts := []tcp.Option{options.WithMux(router), options.WithErrors(func(err error) { log.Print("error: ", err) })}
	if *wait > 0 {
		opts = append(opts, options.WithCSMExchangeTimeout(*wait))
	}
	if *ca != "" {
		conf := &tls.Config{RootCAs: x509.NewCertPool(), NextProtos: []string{"coap"}}
		pem, _ := os.ReadFile(*ca)
		conf.RootCAs.AppendCertsFromPEM(pem)
		if *cert != "" {
			pair, err := tls.LoadX509KeyPair(*cert, *key)
			if err != nil {
				log.Fatal(err)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		opts = append(opts, options.WithTLS(conf))
	}
	cc, err := tcp.Dial(flag.Arg(0), opts...)
	if err != nil {
		log.Fatal("FAIL dial: ", err)
	}
	big := bytes.Repeat([]byte("abcdefghij"), 500)
	whole := func(s string, err error) (string, error) {
		if err == nil && !strings.Contains(s, " 5000 bytes ") {
			err = errors.New("not 5000 bytes: " + s)
		}
		return s, err
	}
	var path string
	steps := map[string]func(context.Context) (string, error){
		"get":   func(ctx context.Context) (string, error) { return body(cc.Get(ctx, cmp.Or(path, "/test"))) },
		"large": func(ctx context.Context) (string, error) { return whole(body(cc.Get(ctx, cmp.Or(path, "/large")))) },
		"idle": func(context.Context) (string, error) {
			time.Sleep(20 * time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
			defer cancel()
			return body(cc.Get(ctx, cmp.Or(path, "/test")))
		},
		"ping": func(ctx context.Context) (string, error) { return "pong", cc.Ping(ctx) },
		"echo": func(ctx context.Context) (string, error) {
			return whole(body(cc.Post(ctx, cmp.Or(path, "/echo"), message.TextPlain, bytes.NewReader(big))))
		},
		"huge": func(ctx context.Context) (string, error) {
			huge := bytes.Repeat([]byte("abcdefghijklmnop"), 100*1024/16)
			m, err := cc.Post(ctx, "/echo", message.TextPlain, bytes.NewReader(huge))
			if err != nil {
				return "", err
			}
			b, err := m.ReadBody()
			if err == nil && !bytes.Equal(b, huge) {
				err = fmt.Errorf("%d other bytes", len(b))
			}
			return fmt.Sprintf("%v %d bytes", m.Code(), len(b)), err
		},
		"call": func(ctx context.Context) (string, error) {
			return body(cc.Post(ctx, "/call", message.TextPlain, bytes.NewReader([]byte("/device"))))
		},
		"tick": func(ctx context.Context) (string, error) {
			seen := make(chan string, 100)
			o, err := cc.Observe(ctx, cmp.Or(path, "/tick"), func(m *pool.Message) { s, _ := body(m, nil); seen <- s })
			if err != nil {
				return "", err
			}
			for range 3 {
				select {
				case s := <-seen:
					fmt.Println("   ", s)
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
			return "3 notifications, cancelled", o.Cancel(ctx)
		},
	}
	names, failed := flag.Args()[1:], 0
	if len(names) == 0 {
		names = []string{"get", "echo", "large", "tick", "ping", "call"}
	}
	for _, name := range names {
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		step, rest, _ := strings.Cut(name, ":")
		path = rest
		detail, err := steps[step](ctx)
		cancel()
		if err != nil {
			failed = 1
			fmt.Println("FAIL", name, err)
		} else {
			fmt.Println("ok  ", name, detail)
		}
	}
	_ = cc.Close()
	os.Exit(failed)
}
