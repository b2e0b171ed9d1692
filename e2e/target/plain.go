package target

import "meshproof.dev/meshproof/e2e/target/state"

// PlainConfig is the kind configuration for making such a cluster by hand: what this host and the node image need, and
// nothing that makes it quicker. The benchmark measures against it.
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

// Free reports whether no other run uses our cluster at the moment; the error, of code 69, says which one does. It tells
// the user early: Kind takes the lock itself.
func Free(stateDir string) error {
	lock, err := lockRun(state.Dir(stateDir), DefaultName)
	if err != nil {
		return err
	}
	lock.Unlock()
	return nil
}
