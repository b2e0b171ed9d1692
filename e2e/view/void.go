package view

// Void says why the scenario did not run as planned: an injected fault had no effect, or its lease was lost. Such a recording
// proves nothing. "" for a scenario that ran as planned.
func (v *View) Void() string {
	for _, e := range v.acts {
		if e.Act.Do == "void" {
			return e.Act.Detail
		}
	}
	return ""
}
