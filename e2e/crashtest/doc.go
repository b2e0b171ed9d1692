// Package crashtest runs the meshproof binary as a user does and ends it in the middle, to see what stays behind: on a cluster
// that a run makes, and on one that no run made, which stands for somebody's. It also takes
// from a run what it needs to see, and looks at what the run says then.
//
// In: the binary, built from this checkout, a container engine. Out: tests, which run only when asked (MESHPROOF_CRASH_TEST=1,
// which `make crash` sets) and take from minutes to an hour. Nothing but tests is here.
package crashtest
