package target

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
