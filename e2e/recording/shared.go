package recording

import "slices"

// maxShared is how many different texts are kept: the names and addresses of some thousands of nodes.
const maxShared = 1 << 16

// shared makes equal texts in long lists one text: what each of a thousand nodes sees are the same names, and as JSON has them each
// would be in memory a thousand times. The lists get no room to grow.
type shared map[string]string

func (s *shared) share(e *Event) {
	if *s == nil {
		*s = shared{}
	}
	switch {
	case e.Nodes != nil:
		e.Nodes.Visible = s.texts(e.Nodes.Visible)
	case e.DNS != nil:
		e.DNS.Addrs = s.texts(e.DNS.Addrs)
	case e.Sockets != nil:
		e.Sockets.Links = s.links(e.Sockets.Links)
	case e.Again != nil:
		e.Again.Joined, e.Again.Links = s.texts(e.Again.Joined), s.links(e.Again.Links)
	}
}

func (s shared) texts(list []string) []string {
	for i, t := range list {
		list[i] = s.text(t)
	}
	return slices.Clone(list)
}

func (s shared) links(list []Link) []Link {
	for i := range list {
		list[i].Local, list[i].Remote = s.text(list[i].Local), s.text(list[i].Remote)
	}
	return slices.Clone(list)
}

func (s shared) text(t string) string {
	if had, is := s[t]; is {
		return had
	}
	if len(s) < maxShared {
		s[t] = t
	}
	return t
}
