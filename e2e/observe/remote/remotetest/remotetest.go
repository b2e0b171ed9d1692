// Package remotetest is an API server for tests: lists, logs, port-forward and exec, the last two with real SPDY. The pods behind it
// have files that cat shows, and ports.
//
// In: objects, and what the pods have. Out: an HTTP handler that notes what it was asked.
package remotetest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"      //nolint:staticcheck // the client speaks SPDY
	"k8s.io/apimachinery/pkg/util/httpstream/spdy" //nolint:staticcheck // the client speaks SPDY
)

// Pod is what is behind exec, port-forward and log.
type Pod struct {
	Files  map[string]string // that cat shows
	Cat    string            // the runtime's error instead, "" where the container has cat
	Refuse string            // the kubelet's error instead of a connection, "" to connect
	Ports  map[string]string // where a port leads; 127.0.0.1 and the same port for others
	Log    string
}

// Server is the API server.
type Server struct {
	Pods  map[string]Pod               // by name
	Other Pod                          // any other
	Lists map[string]any               // what a GET of a path gives
	Deny  func(r *http.Request) string // the API server's sentence that refuses a request; "" to serve it. nil: none is refused

	mu       sync.Mutex
	requests []string
	commands []string
	running  map[string]int
	most     int
}

// Requests are those that came so far, "GET /api/v1/namespaces/prod/pods", sorted, each once.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.requests)
	slices.Sort(all)
	return slices.Compact(all)
}

// Commands are the commands that were run so far.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Most is how many commands ran at the same time in one pod at most.
func (s *Server) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func (s *Server) pod(name string) Pod {
	if p, there := s.Pods[name]; there {
		return p
	}
	return s.Other
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if s.Deny != nil {
		if why := s.Deny(r); why != "" {
			refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, why)
			return
		}
	}
	above, what := cutLast(r.URL.Path)
	_, name := cutLast(above)
	switch what {
	case "exec":
		if conn, streams := upgrade(w, r, "v4.channel.k8s.io"); conn != nil {
			s.exec(name, r.URL.Query()["command"], streams)
			_ = conn.Close()
		}
	case "portforward":
		if conn, streams := upgrade(w, r, "portforward.k8s.io"); conn != nil {
			s.forward(s.pod(name), conn, streams)
			_ = conn.Close()
		}
	case "log":
		_, _ = io.WriteString(w, s.pod(name).Log)
	default:
		list, there := s.Lists[r.URL.Path]
		if !there {
			refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "the test has no "+r.URL.Path)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	}
}

func cutLast(path string) (above, last string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func refuse(w http.ResponseWriter, code int32, reason metav1.StatusReason, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(code))
	_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Reason: reason, Message: why, Code: code})
}

func upgrade(w http.ResponseWriter, r *http.Request, protocol string) (httpstream.Connection, chan httpstream.Stream) {
	if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
		return nil, nil
	}
	streams := make(chan httpstream.Stream, 20)
	return spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error { streams <- s; return nil }), streams
}

func (s *Server) forward(p Pod, conn httpstream.Connection, streams chan httpstream.Stream) {
	errors := map[string]httpstream.Stream{}
	for {
		select {
		case <-conn.CloseChan():
			return
		case one := <-streams:
			id := one.Headers().Get(corev1.PortForwardRequestIDHeader)
			if one.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				errors[id] = one
				continue
			}
			go p.carry(one, errors[id])
		}
	}
}

func (p Pod) carry(data, trouble httpstream.Stream) {
	if p.Refuse != "" {
		_, _ = io.WriteString(trouble, p.Refuse)
		_ = trouble.Close()
		return
	}
	_ = trouble.Close()
	port := data.Headers().Get(corev1.PortHeader)
	addr := p.Ports[port]
	if addr == "" {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		_ = data.Reset()
		return
	}
	go func() {
		_, _ = io.Copy(c, data)
		_ = c.Close()
	}()
	_, _ = io.Copy(data, c)
	_ = data.Close()
}

func (s *Server) exec(name string, command []string, streams chan httpstream.Stream) {
	s.mu.Lock()
	if s.running == nil {
		s.running = map[string]int{}
	}
	s.commands = append(s.commands, strings.Join(command, " "))
	s.running[name]++
	s.most = max(s.most, s.running[name])
	s.mu.Unlock()
	by := map[string]httpstream.Stream{}
	for len(by) < 3 {
		one := <-streams
		by[one.Headers().Get(corev1.StreamType)] = one
	}
	p, status := s.pod(name), metav1.Status{Status: metav1.StatusSuccess}
	if p.Cat != "" {
		status = metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError, Message: p.Cat}
	} else {
		for _, f := range command[1:] {
			_, _ = io.WriteString(by[corev1.StreamTypeStdout], p.Files[f])
		}
	}
	s.mu.Lock()
	s.running[name]--
	s.mu.Unlock()
	_ = by[corev1.StreamTypeStdout].Close()
	_ = by[corev1.StreamTypeStderr].Close()
	_ = json.NewEncoder(by[corev1.StreamTypeError]).Encode(status)
	_ = by[corev1.StreamTypeError].Close()
	time.Sleep(50 * time.Millisecond) // the client reads before the connection ends
}
