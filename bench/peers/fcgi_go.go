// A FastCGI responder with Go's own package: says hello, or 1 MiB at /text, at the TCP address given.
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"strings"
)

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	large := strings.Repeat("x", 1<<20)
	hello := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if r.URL.Path == "/text" {
			io.WriteString(w, large)
			return
		}
		io.WriteString(w, "Hello World")
	}
	log.Fatal(fcgi.Serve(listener, http.HandlerFunc(hello)))
}
