package injection

import (
	"context"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
)

// nodeAgents are the connections to the agents of the nodes. Safe for concurrent use.
type nodeAgents struct {
	find func(ctx context.Context, node string) (*agentclient.Client, error)

	mu      sync.Mutex
	clients map[string]*agentclient.Client
}

// nodeAgent is the agent of one node, whichever pod it is by now.
type nodeAgent struct {
	all  *nodeAgents
	node string
}

// SetFaults asks the agent that runs on the node. After a failure it is looked for again: another pod may have taken its place.
func (a nodeAgent) SetFaults(ctx context.Context, f agent.Faults) ([]agent.RuleStatus, error) {
	c, err := a.all.of(ctx, a.node)
	if err != nil {
		return nil, err
	}
	statuses, err := c.SetFaults(ctx, f)
	if err != nil {
		a.all.forget(a.node)
	}
	return statuses, err
}

func (n *nodeAgents) of(ctx context.Context, node string) (*agentclient.Client, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[node]; c != nil {
		return c, nil
	}
	c, err := n.find(ctx, node)
	if err == nil {
		n.clients[node] = c
	}
	return c, err
}

func (n *nodeAgents) forget(node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[node]; c != nil {
		c.Close()
		delete(n.clients, node)
	}
}

func (n *nodeAgents) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for node, c := range n.clients {
		c.Close()
		delete(n.clients, node)
	}
}
