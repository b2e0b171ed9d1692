package registry

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// counter counts what is sent of blobs. Safe for concurrent use.
type counter struct {
	next     http.RoundTripper
	answered *time.Timer // stopped at the first answer
	reached  atomic.Bool
	blobs    atomic.Int64
	bytes    atomic.Int64
}

// RoundTrip sends the request. A blob is sent to an upload's own address, and its last request names the digest
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs).
func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if upload := strings.Contains(r.URL.Path, "/blobs/uploads/"); upload || r.Method == http.MethodPatch {
		if r.Body != nil && r.Body != http.NoBody {
			r = r.Clone(r.Context())
			r.Body = &counted{r.Body, &c.bytes}
		}
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.answered.Stop()
	c.reached.Store(true)
	if r.Method == http.MethodPut && r.URL.Query().Get("digest") != "" && resp.StatusCode == http.StatusCreated {
		c.blobs.Add(1)
	}
	return resp, nil
}

// counted is a request's body that counts what was read of it.
type counted struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *counted) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}

// transient reports whether the registry may accept the same request a moment later.
func transient(err error) bool {
	var refused *transport.Error
	if errors.As(err, &refused) {
		return refused.Temporary()
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
