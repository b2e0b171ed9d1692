package target

import "meshproof.dev/meshproof/e2e/target/state"

// PlainConfig is the kind configuration for creating such a cluster by hand: what this host and the node image need, without the
// settings that make it faster. The benchmark compares with it.
func PlainConfig(o Options) (string, error) {
	if err := o.complete(); err != nil {
		return "", err
	}
	t, err := hostTraits("/")
	if err != nil {
		return "", err
	}
	return kindConfig(o, t, "")
}

// Free returns an error with code 69 if another run uses our cluster now; it says which one. It informs the user early: Kind takes
// the lock itself.
func Free(stateDir string) error {
	lock, err := lockRun(state.Dir(stateDir), DefaultName)
	if err != nil {
		return err
	}
	lock.Unlock()
	return nil
}
