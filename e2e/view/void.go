package view

import "meshproof.dev/meshproof/e2e/recording"

// Void says why the scenario did not run as planned: an injected fault had no effect, its lease was lost, or it could not be
// healed in time. Such a recording proves nothing. "" for a scenario that ran as planned.
func (v *View) Void() string {
	for _, e := range v.acts {
		if e.Act.Do == recording.Void || e.Act.Do == recording.Unhealed {
			return e.Act.Detail
		}
	}
	return ""
}
