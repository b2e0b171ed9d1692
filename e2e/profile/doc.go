// Package profile describes one way to form a cluster: the file that a user writes ([Profile]), what is inferred from the
// manifests, and both together as a run uses them ([Resolved]).
//
// In: the text of profile files and manifests. Out: types, or an error that names file and line, what was found there,
// and what to write instead. The package runs no command and reads no cluster.
package profile
