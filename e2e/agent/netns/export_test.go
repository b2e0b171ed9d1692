package netns

// DoorOf is a door of an agent whose own namespace is self.
func DoorOf(proc, self string) Door { return Door{proc, self} }
