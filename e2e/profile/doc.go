// Package profile is one way of clustering, described: the file a user writes ([Profile]), what the manifests tell
// beside it, and both together as a run understands them ([Resolved]).
//
// In: bytes of profile files and manifests. Out: types, or an error that names file and line, says what was found there,
// and what to write instead. The package runs no command and reads no cluster.
package profile
