package view

// Void says why the scenario is not the story that it was meant to be: a fault that did not bite, or one whose lease was
// lost. What such a recording shows proves nothing. "" for a scenario that is sound.
func (v *View) Void() string {
	for _, e := range v.acts {
		if e.Act.Do == "void" {
			return e.Act.Detail
		}
	}
	return ""
}
