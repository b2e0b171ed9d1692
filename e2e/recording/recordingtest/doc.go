// Package recordingtest makes small recordings of healthy clusters for tests: how n nodes form a mesh, and how the mesh
// gets over the deletion of a pod. A test takes such a story, changes it in exactly one way, and sees what becomes of the
// verdicts.
//
// In: a number of nodes. Out: a header and events as observers would have written them. Nothing is random and nothing is
// measured: the same call gives the same story.
package recordingtest
