package target

// Remains is the error about a cluster of ours that was to be removed or given back, and was not, or not yet.
type Remains struct {
	Cluster string
	Err     error
}

func (r *Remains) Error() string { return "kind cluster " + r.Cluster + ": " + r.Err.Error() }

func (r *Remains) Unwrap() error { return r.Err }

func remains(cluster string, err error) error {
	if err == nil {
		return nil
	}
	return &Remains{cluster, err}
}
