// Package recordingtest creates small recordings of healthy clusters for tests: how n nodes form a mesh, and how the mesh recovers
// from the deletion of a pod. A test takes such a recording, changes it in exactly one way, and checks the verdicts.
//
// In: a number of nodes. Out: a header and events as observers would have written them. Nothing is random and nothing is
// measured: the same call gives the same recording.
package recordingtest
