package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// SetFaults tells the agent which faults the holder wants from now on, and says what became of each. It is also how they
// are renewed. New ones take the time of a dial that is not answered.
func (c *Client) SetFaults(ctx context.Context, f agent.Faults) ([]agent.Bite, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://agent/v1/faults", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	answer, err := c.within(proof, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var bites []agent.Bite
	if err := json.Unmarshal(answer, &bites); err != nil {
		return nil, fmt.Errorf("agent %s: faults: %w", c.Pod, err)
	}
	if len(bites) != len(f.Rules) {
		return nil, fmt.Errorf("agent %s: faults: %d answers to %d rules", c.Pod, len(bites), len(f.Rules))
	}
	return bites, nil
}

// proof is how long the proof of new faults may take: a few seconds of dials, and more on a busy node. It is less than a lease.
const proof = agent.Lease - answerIn
