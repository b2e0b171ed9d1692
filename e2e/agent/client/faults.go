package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"meshproof.dev/meshproof/e2e/agent"
)

// SetFaults replaces the faults of the holder and returns the status of each rule. The same call renews them. A new rule
// takes as long as a dial without an answer.
func (c *Client) SetFaults(ctx context.Context, f agent.Faults) ([]agent.RuleStatus, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://agent/v1/faults", bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	limit := faultsTimeout
	for _, r := range f.Brief {
		limit = max(limit, r.For+faultsTimeout)
	}
	answer, err := c.doWithin(limit, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var bites []agent.RuleStatus
	if err := json.Unmarshal(answer, &bites); err != nil {
		return nil, fmt.Errorf("agent %s: faults: %w", c.Pod, err)
	}
	if rules := len(f.Rules) + len(f.Healed) + len(f.Brief); len(bites) != rules {
		return nil, fmt.Errorf("agent %s: faults: %d answers to %d rules", c.Pod, len(bites), rules)
	}
	return bites, nil
}

// faultsTimeout limits the test of new faults: a few seconds of dials, and more on a busy node. It is less than a lease.
const faultsTimeout = agent.Lease - callTimeout
