// Package elsewhere runs meshproof on a cluster that is not ours: no run made it, its nodes get images from a registry beside it only,
// and the run comes with the rights and the passwords that it is given.
//
// In: the checkout, a container engine. Out: what the program printed and wrote, and what the cluster and the registry saw. Test files
// only; they run with MESHPROOF_ELSEWHERE_TEST=1 (make elsewhere).
package elsewhere
