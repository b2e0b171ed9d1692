package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// Kill kills the VM or the epmd of a pod on the agent's node. The error says why it was not done.
func (c *Client) Kill(ctx context.Context, k agent.Kill) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent/v1/kill", bytes.NewReader(b))
	if err != nil {
		return err
	}
	_, err = c.do(req, http.StatusNoContent)
	return err
}
