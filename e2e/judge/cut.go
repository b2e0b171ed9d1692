package judge

import (
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// cutShort makes unknown what the rest of a recording without an end would have decided: what passed so far might have failed, and
// what was not as required yet might have become so. Other failures were seen, and stay. So does what the manifests decide, once they
// were applied.
func cutShort(c check.Check, v *view.View, findings []check.Finding) []check.Finding {
	why := v.Killed()
	if why == "" {
		return findings
	}
	_, applied := v.Act(recording.Apply)
	static := c.Static || c.Rung == check.Manifest
	for i := range findings {
		f := &findings[i]
		switch {
		case static && applied:
		case f.Outcome == check.Fail && (c.Settles || static): // before that, an object that comes later may be what is missing
			f.Seen = append(slices.Clip(f.Seen), "until then it was "+f.Code+": "+f.Message)
			f.Outcome, f.Code, f.Message, f.Remedy, f.Took = check.Unseen, "", why, "", 0
		case f.Outcome == check.Pass:
			f.Outcome, f.Message, f.Seen, f.Try, f.Took = check.Unseen, why, nil, "", 0
		}
	}
	return findings
}
