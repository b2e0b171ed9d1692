package check

// Killer is what proves that a check can fail, and for that reason: a mutant of fixtures/mutants, or the trial of a
// recording, and why there is no more than that.
type Killer struct{ Mutant, Trial string }

// Killers are those of the required and latent checks, by "CHECK DIAGNOSIS".
func Killers() map[string]Killer {
	return map[string]Killer{
		"service/headless not-headless":       {Mutant: "cluster-ip"},
		"dist/cookie-accepted cookie-refused": {Mutant: "cookie-differs"},
		"epmd/port-as-declared port-unpinned": {Mutant: "port-unpinned"},
	}
}
