package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// maxPlan limits the size of a plan: a thousand pods.
const maxPlan = 1 << 20

// ioTimeout is how long a client may take to send a request or to receive a batch of lines. After that it must reconnect
// and resume.
const ioTimeout = 10 * time.Second

// batchDelay is how long lines are collected before they are sent: each batch costs CPU time of the container runtime, the
// kubelet, the API server and the client.
const batchDelay = 200 * time.Millisecond

// Handler serves the API.
//
//	GET /v1/start          the agent's version and abilities (recording.Start)
//	GET /v1/clock          its CLOCK_BOOTTIME
//	PUT /v1/plan?session=S what to observe for the session S, which is created if needed
//	GET /v1/stream?session=S&run=R&from=N
//	                       a Head, then the session's lines from number N of run R on (of another run: all), until the
//	                       client disconnects
func Handler(start recording.Start, sessions *Sessions) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/start", func(w http.ResponseWriter, _ *http.Request) { reply(w, start) })
	m.HandleFunc("GET /v1/clock", func(w http.ResponseWriter, _ *http.Request) { reply(w, agent.Clock{Boot: sessions.clock()}) })
	m.HandleFunc("PUT /v1/plan", func(w http.ResponseWriter, r *http.Request) {
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxPlan))
		d.DisallowUnknownFields()
		var p agent.Plan
		err := d.Decode(&p)
		if _, end := d.Token(); err != nil || !errors.Is(end, io.EOF) {
			// The decoder's error could quote the plan, which contains the cookie.
			http.Error(w, "the request body is not a valid plan", http.StatusBadRequest)
			return
		}
		if err := p.Check(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := sessions.setPlan(r.URL.Query().Get("session"), p); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	m.HandleFunc("GET /v1/stream", func(w http.ResponseWriter, r *http.Request) {
		seq, err := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
		if err != nil {
			http.Error(w, "the parameter from must be the number of the first line to send", http.StatusBadRequest)
			return
		}
		ring, end, err := sessions.openStream(r.URL.Query().Get("session"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		defer end()
		stream(w, r, ring, seq)
	})
	return m
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // on an error the client is gone
}

// stream writes the head, then lines until the client disconnects or is too slow.
func stream(w http.ResponseWriter, r *http.Request, ring *Ring, seq uint64) {
	conn := http.NewResponseController(w)
	lines, lost, next, more := ring.From(r.URL.Query().Get("run"), seq)
	head, err := json.Marshal(agent.Head{Run: ring.run, Lost: lost})
	if err != nil {
		return
	}
	for send := append([][]byte{append(head, '\n')}, lines...); ; send = lines {
		if len(send) > 0 && conn.SetWriteDeadline(time.Now().Add(ioTimeout)) != nil {
			return
		}
		for _, l := range send {
			if _, err := w.Write(l); err != nil {
				return
			}
		}
		if len(send) > 0 && conn.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(batchDelay):
		}
		select {
		case <-r.Context().Done():
			return
		case <-more:
		}
		lines, _, next, more = ring.From(ring.run, next)
	}
}

// Serve serves on l until the context ends, then closes all connections.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	return serve(ctx, l, h, ioTimeout)
}

func serve(ctx context.Context, l net.Listener, h http.Handler, read time.Duration) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: read, ReadTimeout: read, MaxHeaderBytes: 16 << 10}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
