package exitcode

// Code is one exit code of meshproof's binaries.
type Code struct {
	Code    int
	Word    string // in the file reports/out/latest/exit, and in the last lines of a run
	Meaning string
}

// Table lists the codes in the order of precedence: where several apply, the first of them counts. The table in
// docs/exit-codes.md is the same, a test compares them.
//
// Usage and Unavailable come after Internal: they say that nothing was made, and where something was, [Late] has replaced them.
func Table() []Code {
	return []Code{
		{Interrupted, "interrupted", "stopped by a signal; the report says what was removed and what was not"},
		{Fail, "fail", "at least one required or latent check failed: the application or its configuration is at fault"},
		{Internal, "internal", "a fault of meshproof: an image of ours, the creation of a cluster, a bug, or something that it made and could not remove"},
		{Unavailable, "unavailable", "this machine or cluster cannot host the run; nothing was made"},
		{Usage, "usage", "a wrong option, profile or selection; nothing was made"},
		{Unknown, "unknown", "no check failed, but at least one could not be decided"},
		{OK, "ok", "every check that applies passed"},
	}
}

// Word is the name of a code.
func Word(code int) string {
	for _, c := range Table() {
		if c.Code == code {
			return c.Word
		}
	}
	return "undefined"
}

// First is the code that counts where all of these apply; OK where there is none.
func First(codes ...int) int {
	for _, c := range Table() {
		for _, code := range codes {
			if code == c.Code {
				return code
			}
		}
	}
	return OK
}
