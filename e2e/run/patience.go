package run

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
)

// patience is how long the run waits for an API server that refuses connections, and how often it tries: one whose container starts
// again needs half a minute.
const (
	patience = time.Minute
	tryAgain = 500 * time.Millisecond
)

// patient is the configuration for what the run does to the cluster. A request that could not even be sent, because no connection was
// accepted, is sent again for a while; any other error says nothing of whether it was carried out, and is returned. What observes the
// cluster must not wait: it has to notice.
func patient(c *rest.Config, log func(string)) *rest.Config {
	c = rest.CopyConfig(c)
	c.Wrap(func(next http.RoundTripper) http.RoundTripper { return &waiting{next, log, patience} })
	return c
}

type waiting struct {
	next  http.RoundTripper
	log   func(string)
	limit time.Duration
}

func (w *waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	for began, said := time.Now(), false; ; said = true {
		answer, err := w.next.RoundTrip(r)
		var dial *net.OpError
		if unsent := errors.As(err, &dial) && dial.Op == "dial"; !unsent || time.Since(began) > w.limit || r.Body != nil && r.GetBody == nil {
			return answer, err
		}
		if !said {
			w.log(fmt.Sprintf("the API server accepts no connection, and is waited for: %v", err))
		}
		select {
		case <-r.Context().Done():
			return nil, err
		case <-time.After(tryAgain):
		}
		if r.Body == nil {
			continue
		}
		body, berr := r.GetBody()
		if berr != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = body
	}
}

// promptly is how soon the API server carries out what a scenario does. What took longer began at a time that nobody knows, and
// nothing can be measured from it.
const promptly = 5 * time.Second
