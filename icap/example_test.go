package icap_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"icapd/icap"
)

// filter blocks responses that contain a word.
func filter(w *icap.ResponseWriter, r *icap.Request) {
	if r.Body == nil {
		_ = w.Unmodified(nil)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	switch {
	case err != nil:
		_ = w.Error(icap.StatusOf(err), "")
	case bytes.Contains(body, []byte("malware")):
		page := `{"title":"Blocked"}`
		_ = w.Modified(icap.NewResponseHead(http.StatusForbidden,
			icap.Field{Name: "Content-Type", Value: "application/problem+json"},
			icap.Field{Name: "Content-Length", Value: fmt.Sprint(len(page))},
		), strings.NewReader(page))
	default:
		_ = w.Unmodified(bytes.NewReader(body))
	}
}

// serve runs the filter and returns its URL.
func serve() (service string, stop func()) {
	mux := icap.NewServeMux()
	mux.Handle("/respmod", &icap.Service{
		Name:    "example 1.0",
		Methods: []string{icap.MethodRespmod},
		Handler: icap.HandlerFunc(filter),
		Preview: 1024,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	srv := &icap.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	return "icap://" + l.Addr().String() + "/respmod", func() { _ = srv.Shutdown(context.Background()) }
}

func ExampleServer() {
	service, stop := serve()
	defer stop()
	client := new(icap.Client)
	defer client.Close()
	for _, body := range []string{"a poem", "malware"} {
		res, err := client.Do(context.Background(), &icap.ClientRequest{
			Method:       icap.MethodRespmod,
			URL:          service,
			HTTPRequest:  icap.NewRequestHead("GET", "http://api.test/", icap.Field{Name: "Host", Value: "api.test"}),
			HTTPResponse: icap.NewResponseHead(200, icap.Field{Name: "Content-Type", Value: "text/plain"}),
			Body:         strings.NewReader(body),
			Preview:      icap.PreviewFromOptions,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		got, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		fmt.Println(res.Status, res.HTTPResponse.StartLine(), string(got))
	}
	// Output:
	// 204 HTTP/1.1 200 OK a poem
	// 200 HTTP/1.1 403 Forbidden {"title":"Blocked"}
}

func ExampleClient_Options() {
	service, stop := serve()
	defer stop()
	client := new(icap.Client)
	defer client.Close()
	o, err := client.Options(context.Background(), service)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Methods, o.Service, o.Preview, o.Allow204, o.TTL)
	// Output: [RESPMOD] example 1.0 1024 true 1m0s
}

func ExampleAdapter_RoundTripper() {
	service, stop := serve()
	defer stop()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "some malware")
	}))
	defer api.Close()

	icapClient := new(icap.Client)
	defer icapClient.Close()
	vetted := &icap.Adapter{Client: icapClient, Respmod: service}
	client := &http.Client{Transport: vetted.RoundTripper(nil)}
	defer client.CloseIdleConnections()
	resp, err := client.Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, string(body))
	// Output: 403 Forbidden {"title":"Blocked"}
}

func ExampleAdapter_Handler() {
	service, stop := serve()
	defer stop()
	icapClient := new(icap.Client)
	defer icapClient.Close()
	vetted := &icap.Adapter{Client: icapClient, Respmod: service}
	gateway := vetted.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello, "+r.URL.Query().Get("name"))
	}))
	for _, name := range []string{"world", "malware"} {
		rec := httptest.NewRecorder()
		gateway.ServeHTTP(rec, httptest.NewRequest("GET", "/?name="+name, nil))
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 200 hello, world
	// 403 {"title":"Blocked"}
}
